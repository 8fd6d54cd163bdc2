#include "worker/trainer.h"

#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "content/sha256.h"
#include "evaluation/seeded_random.h"
#include "recipe/recipe.h"
#include "worker/augmentation.h"
#include "worker/detection/weights.h"
#include "worker/detector_config.h"
#include "worker/initial_weights.h"
#include "worker/validation.h"

namespace loupe {
namespace {

using detection::FasterRcnn;
using detection::Target;
using evaluation::Mix64;
using evaluation::SeededRandom;

constexpr char kBackboneBody[] = "backbone.body.";

// Streams of random numbers that must not run in step with each other.
enum class Stream : uint64_t { kInit = 1, kOrder = 2, kSampling = 3, kAugmentation = 4, kHeldOut = 5 };

uint64_t SeedOf(uint64_t seed, Stream stream, int64_t iteration = 0) {
  return Mix64(Mix64(seed + static_cast<uint64_t>(stream)) + static_cast<uint64_t>(iteration));
}

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
void AddLosses(const detection::Losses& losses, double batches, TrainingProgress& progress) {
  progress.loss_classifier += losses.loss_classifier.item<double>() / batches;
  progress.loss_box_reg += losses.loss_box_reg.item<double>() / batches;
  progress.loss_objectness += losses.loss_objectness.item<double>() / batches;
  progress.loss_rpn_box_reg += losses.loss_rpn_box_reg.item<double>() / batches;
}

}  // namespace

Trainer::Trainer(const v1::Recipe& recipe, TrainingSet set)
    : recipe_(recipe),
      set_(std::move(set)),
      fingerprint_(Fingerprint(recipe_, set_)),
      order_(RepeatFactors(set_.images, recipe_.training().repeat_threshold()),
             SeedOf(recipe_.seed(), Stream::kOrder)) {}

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Create(const v1::Recipe& recipe, TrainingSet set,
                                                         const SafetensorsFile* init) {
  HoldOut(recipe.training().validation_share(), SeedOf(recipe.seed(), Stream::kHeldOut), set);
  if (set.images.empty()) return absl::InvalidArgumentError("there are no images to train on");
  const bool has_boxes = std::any_of(set.images.begin(), set.images.end(), [](const TrainingImage& image) {
    return image.target.boxes.size(0) > 0;
  });
  if (!has_boxes) {
    return absl::InvalidArgumentError("none of the training images has a box; label some defects first");
  }
  std::unique_ptr<Trainer> trainer(new Trainer(recipe, std::move(set)));
  try {
    if (absl::Status built = trainer->BuildModel(init); !built.ok()) return built;
    trainer->BuildOptimizer();
    const double decay = recipe.training().ema_decay();
    if (decay > 0) trainer->average_.emplace(decay, *trainer->model_);
  } catch (const c10::Error& error) {
    return absl::InternalError(error.what_without_backtrace());
  }
  return trainer;
}

absl::Status Trainer::BuildModel(const SafetensorsFile* init) {
  absl::StatusOr<detection::FasterRcnnConfig> config = ConfigOf(recipe_.detector());
  if (!config.ok()) return config.status();
  torch::manual_seed(SeedOf(recipe_.seed(), Stream::kInit));
  model_ = std::make_shared<FasterRcnn>(*config, static_cast<int64_t>(set_.class_names.size()));
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
  return absl::OkStatus();
}

absl::Status Trainer::LoadBatch(int64_t batch, std::vector<torch::Tensor>& images,
                                std::vector<Target>& targets, std::string& names) {
  const v1::TrainingRecipe& training = recipe_.training();
  SeededRandom random(SeedOf(recipe_.seed(), Stream::kAugmentation, batch));
  for (uint32_t i = 0; i < training.batch_size(); ++i) {
    const size_t index = order_.At(static_cast<uint64_t>(batch) * training.batch_size() + i);
    const TrainingImage& image = set_.images[index];
    absl::StatusOr<torch::Tensor> pixels = image.load();
    if (!pixels.ok()) return pixels.status();
    Example example = Augment({*pixels, image.target}, training, model_->config().image_mean, random);
    images.push_back(std::move(example.image));
    targets.push_back(std::move(example.target));
    absl::StrAppend(&names, names.empty() ? "" : ", ", image.name);
  }
  return absl::OkStatus();
}

absl::StatusOr<TrainingProgress> Trainer::Step() {
  const int64_t batches = recipe_.training().accumulation_steps();
  optimizer_->ClearGradients();
  TrainingProgress progress;
  std::string step_names;
  for (int64_t batch = iteration_ * batches; batch < (iteration_ + 1) * batches; ++batch) {
    std::vector<torch::Tensor> images;
    std::vector<Target> targets;
    std::string names;
    if (absl::Status loaded = LoadBatch(batch, images, targets, names); !loaded.ok()) return loaded;
    torch::manual_seed(SeedOf(recipe_.seed(), Stream::kSampling, batch));
    const detection::Losses losses = model_->ComputeLosses(images, targets);
    const torch::Tensor mean = losses.Sum() / batches;
    AddLosses(losses, static_cast<double>(batches), progress);
    progress.loss += mean.item<double>();
    if (!std::isfinite(progress.loss)) return NotANumber(progress, names);
    mean.backward();
    absl::StrAppend(&step_names, step_names.empty() ? "" : ", ", names);
  }
  if (!std::isfinite(optimizer_->Step(iteration_))) return NotANumber(progress, step_names);
  if (average_) average_->Update(*model_, iteration_ + 1);
  return progress;
}

absl::Status Trainer::NotANumber(const TrainingProgress& progress, const std::string& names) const {
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

absl::Status Trainer::Run(const TrainingCallbacks& callbacks) {
  const v1::TrainingRecipe& training = recipe_.training();
  const int64_t iterations = training.iterations();
  std::chrono::duration<double> elapsed{0};
  model_->train();
  try {
    while (iteration_ < iterations) {
      const auto start = std::chrono::steady_clock::now();
      absl::StatusOr<TrainingProgress> progress = Step();
      if (!progress.ok()) return progress.status();
      elapsed += std::chrono::steady_clock::now() - start;
      ++iteration_;
      if (iteration_ > iterations - LateIterations()) late_loss_sum_ += progress->loss;
      if (IsMeasured()) {
        if (absl::Status measured = Measure(); !measured.ok()) return measured;
      }
      const int64_t images =
          (iteration_ - resumed_from_) * training.accumulation_steps() * training.batch_size();
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
  } catch (const c10::Error& error) {
    return absl::InternalError(
        absl::StrCat("iteration ", iteration_ + 1, ": ", error.what_without_backtrace()));
  }
  return absl::OkStatus();
}

int64_t Trainer::LateIterations() const { return std::max<int64_t>(1, recipe_.training().iterations() / 10); }

double Trainer::final_loss() const { return late_loss_sum_ / static_cast<double>(LateIterations()); }

Checkpoint Trainer::MakeCheckpoint() const {
  Checkpoint checkpoint;
  checkpoint.iteration = iteration_;
  checkpoint.fingerprint = fingerprint_;
  checkpoint.late_loss_sum = late_loss_sum_;
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
