#include "worker/training/trainer.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "recipe/recipe.h"
#include "worker/detection/faster_rcnn.h"
#include "worker/training/augmentation.h"
#include "worker/training/random_stream.h"
#include "worker/training/validation.h"

namespace loupe {
namespace {

constexpr int64_t kMaxFeatureBytes = int64_t{2} << 30;

// The error of a step whose loss or gradient is not a number. All processes see it, only process 0 reports
// it.
absl::Status NotANumber(const TrainingReport& report, const std::string& image_names,
                        const ProcessGroup* group) {
  if (group != nullptr && group->rank() > 0) return absl::AbortedError("another process reports why");
  return report.NotANumber(image_names);
}

absl::Status CheckTrainable(const TrainingSet& set) {
  if (set.images.empty()) return absl::InvalidArgumentError("there are no images to train on");
  const bool has_boxes = std::any_of(set.images.begin(), set.images.end(), [](const TrainingImage& image) {
    return image.target.boxes.size(0) > 0;
  });
  if (has_boxes) return absl::OkStatus();
  return absl::InvalidArgumentError("none of the training images has a box; label some defects first");
}

}  // namespace

Trainer::Trainer(TrainingSet set, std::unique_ptr<TrainingState> state)
    : set_(std::move(set)), state_(std::move(state)), report_(state_->recipe().training()) {}

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Create(const v1::Recipe& recipe, TrainingSet set,
                                                         const SafetensorsFile* init, torch::Device device) {
  HoldOut(recipe.training().validation_share(), SeedOf(recipe.seed(), RandomStream::kHeldOut), set);
  absl::Status trainable = recipe.training().skip() ? absl::OkStatus() : CheckTrainable(set);
  if (!trainable.ok()) return trainable;
  absl::StatusOr<std::unique_ptr<TrainingState>> state = TrainingState::Create(recipe, set, init, device);
  if (!state.ok()) return state.status();
  return std::unique_ptr<Trainer>(new Trainer(std::move(set), *std::move(state)));
}

absl::Status Trainer::Resume(const Checkpoint& checkpoint) {
  if (absl::Status restored = state_->Restore(checkpoint); !restored.ok()) return restored;
  report_.ResumeFrom(checkpoint.iteration);
  return absl::OkStatus();
}

absl::Status Trainer::Run(const TrainingCallbacks& callbacks, const c10::intrusive_ptr<ProcessGroup>& group) {
  state_->model()->train();
  state_->model()->SynchroniseNorms(group);
  try {
    return RunSteps(callbacks, group.get());
  } catch (const c10::Error& error) {
    const auto code = group && group->broken() ? absl::StatusCode::kAborted : absl::StatusCode::kInternal;
    return absl::Status(
        code, absl::StrCat("iteration ", state_->iteration() + 1, ": ", error.what_without_backtrace()));
  }
}

absl::Status Trainer::RunSteps(const TrainingCallbacks& callbacks, ProcessGroup* group) {
  const int64_t iterations = StepsOf(training());
  if (iterations == 0) return absl::OkStatus();
  const int64_t batches = training().accumulation_steps();
  const std::unique_ptr<FeatureCache> features = MakeFeatureCache(group);
  const BatchLoader::Share share =
      group != nullptr ? BatchLoader::Share{group->rank(), group->size()} : BatchLoader::Share();
  BatchLoader loader(state_->recipe(), set_, *state_->model(), features.get(), share,
                     state_->iteration() * batches, iterations * batches);
  while (state_->iteration() < iterations) {
    report_.BeginStep();
    if (absl::Status done = Step(loader, group, features.get()); !done.ok()) return done;
    report_.EndStep();
    if (share.index == 0 && IsMeasurementDue()) {
      if (absl::Status measured = Measure(); !measured.ok()) return measured;
    }
    if (absl::Status status = callbacks.on_step(report_.progress()); !status.ok()) return status;
    if (state_->iteration() % training().checkpoint_interval() == 0 && state_->iteration() < iterations) {
      if (absl::Status status = callbacks.on_checkpoint(MakeCheckpoint()); !status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

absl::Status Trainer::Step(BatchLoader& loader, ProcessGroup* group, FeatureCache* features) {
  const int64_t batches = training().accumulation_steps();
  state_->ClearGradients();
  std::string step_names;
  torch::Tensor positives;
  for (int64_t i = 0; i < batches; ++i) {
    absl::StatusOr<TrainingBatch> batch = loader.Next();
    if (!batch.ok()) return batch.status();
    if (group != nullptr)
      batch->images = detection::PadTo(batch->images, group->AllReduceMax(batch->images.padded()));
    if (features != nullptr) UseFrozenFeatures(*batch, *features);
    detection::Losses losses = state_->model()->ComputeLosses(batch->images, batch->targets);
    report_.AddLosses(LossesOfWholeBatch(group, losses));
    if (!std::isfinite(report_.progress().loss)) return NotANumber(report_, batch->names, group);
    (losses.Sum() / batches).backward();
    positives = positives.defined() ? positives + losses.positive_quality : losses.positive_quality;
    absl::StrAppend(&step_names, step_names.empty() ? "" : ", ", batch->names);
  }
  if (group != nullptr) {
    group->AllReduceGradients(state_->parameters());
    group->AllReduceSum(positives);
  }
  const bool finite = state_->FinishStep(report_.progress().loss, positives);
  return finite ? absl::OkStatus() : NotANumber(report_, step_names, group);
}

bool Trainer::IsMeasurementDue() const {
  const int64_t iteration = state_->iteration();
  const bool due = iteration % training().validation_interval() == 0;
  return !set_.validation.empty() && (due || iteration == training().iterations());
}

absl::Status Trainer::Measure() {
  detection::FasterRcnn& model = state_->evaluated_model();
  model.eval();
  const absl::StatusOr<evaluation::CocoSummary> summary =
      MeasureDetector(set_.validation, training().batch_size(), model);
  state_->model()->train();
  if (!summary.ok()) return summary.status();
  // Below 0 when no validation image has a box.
  if (summary->ap >= 0) report_.SetMeasurement(summary->ap, summary->ap50);
  return absl::OkStatus();
}

std::unique_ptr<FeatureCache> Trainer::MakeFeatureCache(const ProcessGroup* group) const {
  const bool constant = state_->model()->HasFrozenLayers() && !Augments(training());
  // With a group, a process learns only in the step itself to which size its images are padded.
  if (!constant || group != nullptr) return nullptr;
  return std::make_unique<FeatureCache>(kMaxFeatureBytes);
}

void Trainer::UseFrozenFeatures(TrainingBatch& batch, FeatureCache& features) {
  if (!batch.images.frozen.empty()) return;
  const std::vector<FeatureCache::Maps> maps = state_->model()->FrozenFeatures(batch.images.images);
  for (size_t i = 0; i < maps.size(); ++i) features.Keep(batch.indices[i], batch.images.padded(), maps[i]);
  batch.images.frozen = Stacked(maps);
}

}  // namespace loupe
