#include "worker/training/trainer.h"

#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <numeric>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "content/sha256.h"
#include "recipe/recipe.h"
#include "worker/detection/weights.h"
#include "worker/prediction/detector_config.h"
#include "worker/prediction/device.h"
#include "worker/training/augmentation.h"
#include "worker/training/initial_weights.h"
#include "worker/training/random_stream.h"
#include "worker/training/validation.h"

namespace loupe {
namespace {

using detection::FasterRcnn;

constexpr char kBackboneBody[] = "backbone.body.";
constexpr int64_t kMaxFeatureBytes = int64_t{2} << 30;

std::string_view RawBytes(const torch::Tensor& tensor) {
  if (!tensor.defined()) return {};
  return {static_cast<const char*>(tensor.data_ptr()), tensor.nbytes()};
}

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

// Takes the tensors of a checkpoint.
absl::Status RestoreModel(const std::map<std::string, torch::Tensor>& tensors, FasterRcnn& model) {
  const absl::StatusOr<detection::LoadReport> report =
      detection::LoadWeights(tensors, {.freeze_loaded_norms = false}, model);
  if (!report.ok()) return report.status();
  if (report->complete()) return absl::OkStatus();
  return absl::InvalidArgumentError("the checkpoint is incomplete: " + report->Summary());
}

// Adds the losses of one of a step's batches.
void AddLosses(const std::array<double, 4>& losses, double batches, TrainingProgress& progress) {
  progress.loss_classifier += losses[0] / batches;
  progress.loss_box_reg += losses[1] / batches;
  progress.loss_objectness += losses[2] / batches;
  progress.loss_rpn_box_reg += losses[3] / batches;
  progress.loss += std::accumulate(losses.begin(), losses.end(), 0.0) / batches;
}

}  // namespace

Trainer::Trainer(const v1::Recipe& recipe, TrainingSet set)
    : recipe_(recipe),
      set_(std::move(set)),
      fingerprint_(Fingerprint(recipe_, set_)),
      class_quality_(set_.class_names.size()) {}

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Create(const v1::Recipe& recipe, TrainingSet set,
                                                         const SafetensorsFile* init, torch::Device device) {
  HoldOut(recipe.training().validation_share(), SeedOf(recipe.seed(), RandomStream::kHeldOut), set);
  if (set.images.empty()) return absl::InvalidArgumentError("there are no images to train on");
  const bool has_boxes = std::any_of(set.images.begin(), set.images.end(), [](const TrainingImage& image) {
    return image.target.boxes.size(0) > 0;
  });
  if (!has_boxes) {
    return absl::InvalidArgumentError("none of the training images has a box; label some defects first");
  }
  std::unique_ptr<Trainer> trainer(new Trainer(recipe, std::move(set)));
  try {
    if (absl::Status built = trainer->BuildModel(init, device); !built.ok()) return built;
    trainer->BuildOptimizer();
    const double decay = recipe.training().ema_decay();
    if (decay > 0) trainer->average_.emplace(decay, *trainer->model_);
  } catch (const c10::Error& error) {
    return absl::InternalError(error.what_without_backtrace());
  }
  return trainer;
}

absl::Status Trainer::BuildModel(const SafetensorsFile* init, torch::Device device) {
  absl::StatusOr<v1::Detector> config = ConfigOf(recipe_.detector());
  if (!config.ok()) return config.status();
  const absl::StatusOr<torch::ScalarType> precision =
      ResolvePrecision(recipe_.training().precision(), device);
  if (!precision.ok()) return precision.status();
  torch::manual_seed(SeedOf(recipe_.seed(), RandomStream::kInit));
  model_ = std::make_shared<FasterRcnn>(*config, static_cast<int64_t>(set_.class_names.size()));
  model_->set_precision(*precision);
  model_->to(device);
  if (init == nullptr) return absl::OkStatus();
  const absl::StatusOr<detection::LoadReport> report =
      TakeInitialWeights(init->tensors, recipe_.detector(), *model_);
  if (!report.ok()) return report.status();
  pretrained_ = report->taken;
  init_summary_ = report->Summary();
  return absl::OkStatus();
}

void Trainer::BuildOptimizer() {
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

absl::Status Trainer::Resume(const Checkpoint& checkpoint) {
  if (checkpoint.fingerprint != fingerprint_) {
    return absl::InvalidArgumentError(
        "the checkpoint is of a training with another recipe, classes or images");
  }
  try {
    if (absl::Status restored = RestoreModel(checkpoint.model, *model_); !restored.ok()) return restored;
    if (average_) {
      absl::Status restored = RestoreModel(checkpoint.average, *average_->model());
      if (!restored.ok()) return restored;
    }
    if (absl::Status frozen = detection::FreezeNorms(checkpoint.frozen_norms, *model_); !frozen.ok())
      return frozen;
    pretrained_ = checkpoint.pretrained;
    BuildOptimizer();
    if (absl::Status restored = optimizer_->Restore(checkpoint.optimizer); !restored.ok()) return restored;
  } catch (const c10::Error& error) {
    return absl::InternalError(error.what_without_backtrace());
  }
  iteration_ = checkpoint.iteration;
  resumed_from_ = checkpoint.iteration;
  late_loss_sum_ = checkpoint.late_loss_sum;
  class_quality_.Restore(checkpoint.class_quality);
  return absl::OkStatus();
}

absl::StatusOr<TrainingProgress> Trainer::Step(BatchLoader& loader, RankGroup* ranks,
                                               FeatureCache* features) {
  const int64_t batches = recipe_.training().accumulation_steps();
  optimizer_->ClearGradients();
  TrainingProgress progress;
  std::string step_names;
  torch::Tensor positives;
  for (int64_t i = 0; i < batches; ++i) {
    absl::StatusOr<TrainingBatch> batch = loader.Next();
    if (!batch.ok()) return batch.status();
    if (ranks != nullptr)
      batch->images = detection::PadTo(batch->images, ranks->Largest(batch->images.padded()));
    if (features != nullptr) UseFrozenFeatures(*batch, *features);
    detection::Losses losses = model_->ComputeLosses(batch->images, batch->targets);
    AddLosses(LossesOfWholeBatch(ranks, losses), static_cast<double>(batches), progress);
    if (!std::isfinite(progress.loss)) return NotANumber(progress, batch->names, ranks);
    (losses.Sum() / batches).backward();
    positives = positives.defined() ? positives + losses.positive_quality : losses.positive_quality;
    absl::StrAppend(&step_names, step_names.empty() ? "" : ", ", batch->names);
  }
  if (ranks != nullptr) {
    ranks->SumGradients(optimizer_->parameters());
    ranks->Sum(positives);
  }
  class_quality_.Update(positives);
  if (!std::isfinite(optimizer_->Step(iteration_))) return NotANumber(progress, step_names, ranks);
  if (average_) average_->Update(*model_, iteration_ + 1);
  return progress;
}

absl::Status Trainer::NotANumber(const TrainingProgress& progress, const std::string& names,
                                 const RankGroup* ranks) const {
  if (ranks != nullptr && ranks->rank() > 0) return absl::AbortedError("rank 0 tells why");
  return absl::InternalError(absl::StrCat(
      "iteration ", iteration_ + 1, ": the loss (classifier ", progress.loss_classifier, ", boxes ",
      progress.loss_box_reg, ", objectness ", progress.loss_objectness, ", proposals ",
      progress.loss_rpn_box_reg,
      ") or its gradient is not a number; lower the learning rate, or look at the images of the batch: ",
      names));
}

bool Trainer::IsMeasured() const {
  const bool due = iteration_ % recipe_.training().validation_interval() == 0;
  return !set_.validation.empty() && (due || iteration_ == recipe_.training().iterations());
}

absl::Status Trainer::Measure() {
  FasterRcnn& model = average_ ? *average_->model() : *model_;
  model.eval();
  const absl::StatusOr<evaluation::CocoSummary> summary =
      MeasureDetector(set_.validation, recipe_.training().batch_size(), model);
  model_->train();
  if (!summary.ok()) return summary.status();
  // Below 0 where no image of the validation has a box.
  if (summary->ap >= 0) measurement_ = {iteration_, summary->ap, summary->ap50};
  return absl::OkStatus();
}

absl::Status Trainer::Run(const TrainingCallbacks& callbacks, const c10::intrusive_ptr<RankGroup>& ranks) {
  model_->train();
  model_->SynchroniseNorms(ranks);
  try {
    return TakeSteps(callbacks, ranks.get());
  } catch (const c10::Error& error) {
    const auto code = ranks && ranks->lost() ? absl::StatusCode::kAborted : absl::StatusCode::kInternal;
    return absl::Status(code,
                        absl::StrCat("iteration ", iteration_ + 1, ": ", error.what_without_backtrace()));
  }
}

absl::Status Trainer::TakeSteps(const TrainingCallbacks& callbacks, RankGroup* ranks) {
  const v1::TrainingRecipe& training = recipe_.training();
  const int64_t iterations = training.iterations();
  const int64_t batches = training.accumulation_steps();
  const std::unique_ptr<FeatureCache> features = MakeFeatureCache(ranks);
  const BatchLoader::Share share =
      ranks != nullptr ? BatchLoader::Share{ranks->rank(), ranks->size()} : BatchLoader::Share();
  BatchLoader loader(recipe_, set_, *model_, features.get(), share, iteration_ * batches,
                     iterations * batches);
  std::chrono::duration<double> elapsed{0};
  while (iteration_ < iterations) {
    const auto start = std::chrono::steady_clock::now();
    absl::StatusOr<TrainingProgress> progress = Step(loader, ranks, features.get());
    if (!progress.ok()) return progress.status();
    elapsed += std::chrono::steady_clock::now() - start;
    ++iteration_;
    if (iteration_ > iterations - LateIterations()) late_loss_sum_ += progress->loss;
    if (share.rank == 0 && IsMeasured()) {
      if (absl::Status measured = Measure(); !measured.ok()) return measured;
    }
    const int64_t images = (iteration_ - resumed_from_) * batches * training.batch_size();
    progress->iteration = iteration_;
    progress->iterations = iterations;
    progress->resumed_from = resumed_from_;
    progress->images_per_second = static_cast<double>(images) / elapsed.count();
    progress->measurement = measurement_;
    if (absl::Status status = callbacks.on_step(*progress); !status.ok()) return status;
    if (iteration_ % training.checkpoint_interval() == 0 && iteration_ < iterations) {
      if (absl::Status status = callbacks.on_checkpoint(MakeCheckpoint()); !status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

std::unique_ptr<FeatureCache> Trainer::MakeFeatureCache(const RankGroup* ranks) const {
  const bool constant = model_->HasFrozenLayers() && !Augments(recipe_.training());
  // A rank learns only in the step itself to what size its images are padded.
  if (!constant || ranks != nullptr) return nullptr;
  return std::make_unique<FeatureCache>(kMaxFeatureBytes);
}

void Trainer::UseFrozenFeatures(TrainingBatch& batch, FeatureCache& features) {
  if (!batch.images.frozen.empty()) return;
  const std::vector<FeatureCache::Maps> maps = model_->FrozenFeatures(batch.images.images);
  for (size_t i = 0; i < maps.size(); ++i) features.Keep(batch.indices[i], batch.images.padded(), maps[i]);
  batch.images.frozen = Stacked(maps);
}

int64_t Trainer::LateIterations() const { return std::max<int64_t>(1, recipe_.training().iterations() / 10); }

double Trainer::final_loss() const { return late_loss_sum_ / static_cast<double>(LateIterations()); }

Checkpoint Trainer::MakeCheckpoint() const {
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

absl::Status Trainer::SaveWeights(const std::filesystem::path& path) const {
  const FasterRcnn& model = average_ ? *average_->model() : *model_;
  return WriteSafetensors(path.string(),
                          {detection::StateDict(model), detection::WeightMetadata(model, set_.class_names)});
}

}  // namespace loupe
