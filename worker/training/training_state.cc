#include "worker/training/training_state.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string_view>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "content/sha256.h"
#include "recipe/detector_metadata.h"
#include "recipe/detector_recipe.h"
#include "recipe/recipe.h"
#include "worker/detection/class_heads.h"
#include "worker/detection/faster_rcnn.h"
#include "worker/detection/weights.h"
#include "worker/prediction/device.h"
#include "worker/prediction/weight_file.h"
#include "worker/training/initial_weights.h"
#include "worker/training/random_stream.h"

namespace loupe {
namespace {

using detection::FasterRcnn;

constexpr char kBackboneBody[] = "backbone.body.";

std::string_view RawBytes(const torch::Tensor& tensor) {
  if (!tensor.defined()) return {};
  return {static_cast<const char*>(tensor.data_ptr()), tensor.nbytes()};
}

// A hash of what must be equal in the training that a checkpoint belongs to and the one that continues it.
std::string Fingerprint(v1::Recipe recipe, const TrainingSet& set) {
  recipe.mutable_training()->clear_checkpoint_interval();
  recipe.mutable_training()->clear_validation_interval();
  v1::Recipe relevant;
  *relevant.mutable_detector() = recipe.detector();
  *relevant.mutable_training() = recipe.training();
  relevant.set_seed(recipe.seed());
  Sha256Stream hash;
  hash.Update(RecipeText(relevant));
  for (const std::string& name : set.class_names) hash.Update(name + '\n');
  for (const TrainingImage& image : set.images) {
    hash.Update(image.name + '\n');
    hash.Update(RawBytes(image.target.boxes));
    hash.Update(RawBytes(image.target.labels));
    hash.Update(RawBytes(image.target.ignore_boxes));
  }
  return ToHex(hash.Finish());
}

absl::Status RestoreModel(const std::map<std::string, torch::Tensor>& tensors, FasterRcnn& model) {
  const absl::StatusOr<detection::LoadReport> report =
      detection::LoadWeights(tensors, {.freeze_loaded_norms = false}, model);
  if (!report.ok()) return report.status();
  if (report->complete()) return absl::OkStatus();
  return absl::InvalidArgumentError("the checkpoint is incomplete: " + report->Summary());
}

}  // namespace

TrainingState::TrainingState(const v1::Recipe& recipe, const TrainingSet& set)
    : recipe_(recipe),
      class_names_(set.class_names),
      fingerprint_(Fingerprint(recipe, set)),
      class_quality_(set.class_names.size()) {}

absl::StatusOr<std::unique_ptr<TrainingState>> TrainingState::Create(const v1::Recipe& recipe,
                                                                     const TrainingSet& set,
                                                                     const SafetensorsFile* init,
                                                                     torch::Device device) {
  std::unique_ptr<TrainingState> state(new TrainingState(recipe, set));
  try {
    if (absl::Status built = state->BuildModel(init, device); !built.ok()) return built;
    state->BuildOptimizer();
    const double decay = recipe.training().ema_decay();
    if (decay > 0) state->average_.emplace(decay, *state->model_);
  } catch (const c10::Error& error) {
    return absl::InternalError(error.what_without_backtrace());
  }
  return state;
}

absl::Status TrainingState::BuildModel(const SafetensorsFile* init, torch::Device device) {
  const std::map<std::string, std::string> none;
  const absl::StatusOr<v1::Detector> config =
      DetectorOfRecipe(recipe_.detector(), init == nullptr ? none : init->metadata);
  if (!config.ok()) return config.status();
  const absl::StatusOr<torch::ScalarType> precision =
      ResolvePrecision(recipe_.training().precision(), device);
  if (!precision.ok()) return precision.status();
  const bool is_described = init != nullptr && init->metadata.contains(kDetectorKey);
  if (is_described && HasBoxHead(*init)) {
    const absl::Status fits = CheckSize(*config, static_cast<int64_t>(class_names_.size()), *init);
    if (!fits.ok()) return fits;
  }
  torch::manual_seed(SeedOf(recipe_.seed(), RandomStream::kInit));
  model_ = std::make_shared<FasterRcnn>(*config, static_cast<int64_t>(class_names_.size()));
  model_->set_precision(*precision);
  model_->to(device);
  if (init == nullptr) return absl::OkStatus();
  const absl::StatusOr<detection::WeightDescription> description = detection::DescribeWeights(init->metadata);
  if (!description.ok()) return description.status();
  std::map<std::string, torch::Tensor> tensors = init->tensors;
  const detection::ClassMatch match =
      detection::MatchClasses(description->class_names, class_names_, *model_, tensors);
  const absl::StatusOr<detection::LoadReport> report =
      TakeInitialWeights(tensors, recipe_.detector(), *model_);
  if (!report.ok()) return report.status();
  pretrained_ = report->taken;
  init_summary_ = report->Summary();
  if (const std::string classes = match.Summary(); !classes.empty()) {
    absl::StrAppend(&init_summary_, "; ", classes);
  }
  return absl::OkStatus();
}

void TrainingState::BuildOptimizer() {
  if (!pretrained_.empty()) model_->FreezeBackbone(static_cast<int>(recipe_.detector().trainable_layers()));
  std::vector<NamedParameter> parameters;
  for (const auto& item : model_->named_parameters()) {
    if (!item.value().requires_grad()) continue;
    const bool slow = absl::StartsWith(item.key(), kBackboneBody) &&
                      std::find(pretrained_.begin(), pretrained_.end(), item.key()) != pretrained_.end();
    parameters.push_back({item.key(), item.value(), slow});
  }
  optimizer_ = std::make_unique<RecipeOptimizer>(recipe_.training(), std::move(parameters));
}

absl::Status TrainingState::Restore(const Checkpoint& checkpoint) {
  if (checkpoint.fingerprint != fingerprint_) {
    return absl::InvalidArgumentError(
        "the checkpoint is of a training with another recipe, classes or images");
  }
  try {
    if (absl::Status restored = RestoreTensors(checkpoint); !restored.ok()) return restored;
  } catch (const c10::Error& error) {
    return absl::InternalError(error.what_without_backtrace());
  }
  iteration_ = checkpoint.iteration;
  resumed_from_ = checkpoint.iteration;
  late_loss_sum_ = checkpoint.late_loss_sum;
  class_quality_.Restore(checkpoint.class_quality);
  return absl::OkStatus();
}

absl::Status TrainingState::RestoreTensors(const Checkpoint& checkpoint) {
  if (absl::Status restored = RestoreModel(checkpoint.model, *model_); !restored.ok()) return restored;
  if (average_) {
    absl::Status restored = RestoreModel(checkpoint.average, *average_->model());
    if (!restored.ok()) return restored;
  }
  absl::Status frozen = detection::FreezeNorms(checkpoint.frozen_norms, *model_);
  if (!frozen.ok()) return frozen;
  pretrained_ = checkpoint.pretrained;
  BuildOptimizer();
  return optimizer_->Restore(checkpoint.optimizer);
}

Checkpoint TrainingState::MakeCheckpoint() const {
  Checkpoint checkpoint;
  checkpoint.iteration = iteration_;
  checkpoint.fingerprint = fingerprint_;
  checkpoint.late_loss_sum = late_loss_sum_;
  checkpoint.class_quality = class_quality_.state();
  checkpoint.model = detection::StateDict(*model_);
  if (average_) checkpoint.average = detection::StateDict(*average_->model());
  checkpoint.optimizer = optimizer_->State();
  checkpoint.frozen_norms = detection::FrozenNorms(*model_);
  checkpoint.pretrained = pretrained_;
  return checkpoint;
}

absl::Status TrainingState::SaveWeights(const std::filesystem::path& path) const {
  const FasterRcnn& model = evaluated_model();
  return WriteSafetensors(path.string(),
                          {detection::StateDict(model), detection::WeightMetadata(model, class_names_)});
}

bool TrainingState::FinishStep(double loss, const torch::Tensor& positives) {
  class_quality_.Update(positives);
  if (!std::isfinite(optimizer_->Step(iteration_))) return false;
  if (average_) average_->Update(*model_, iteration_ + 1);
  ++iteration_;
  if (iteration_ > recipe_.training().iterations() - LateIterations()) late_loss_sum_ += loss;
  return true;
}

int64_t TrainingState::LateIterations() const {
  return std::max<int64_t>(1, recipe_.training().iterations() / 10);
}

double TrainingState::final_loss() const { return late_loss_sum_ / static_cast<double>(LateIterations()); }

}  // namespace loupe
