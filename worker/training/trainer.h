// Trains a detector by a recipe.
//
// The same seed, images and number of threads give the same weights on one machine, also when the training is
// interrupted and resumed (training_state.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "loupe/v1/recipe.pb.h"
#include "worker/training/batch_loader.h"
#include "worker/training/feature_cache.h"
#include "worker/training/process_group.h"
#include "worker/training/training_report.h"
#include "worker/training/training_set.h"
#include "worker/training/training_state.h"

namespace loupe {

class Trainer {
 public:
  // Moves `validation_share` of the images to the validation images, then builds the model and the optimizer
  // on `device`. Images, targets and files stay on the CPU.
  // recipe: with defaults filled in. init: weights to start from, complete or in part; null: random weights.
  // Errors: INVALID_ARGUMENT for no images or no boxes; those of TrainingState::Create.
  static absl::StatusOr<std::unique_ptr<Trainer>> Create(const v1::Recipe& recipe, TrainingSet set,
                                                         const SafetensorsFile* init,
                                                         torch::Device device = torch::kCPU);

  // Continues from a checkpoint of the same recipe, classes and images.
  // Errors: INVALID_ARGUMENT when it belongs to another training or is incomplete.
  absl::Status Resume(const Checkpoint& checkpoint);

  // Runs the remaining steps. With `group`, each process runs a trainer in the same state, takes its share of
  // every batch, and ends with the same weights; up to rounding they are those of one process.
  // Requires: a batch has at least as many images as there are processes.
  // Errors: those of a callback; INVALID_ARGUMENT for an image that can't be read; INTERNAL, in process 0,
  // when a loss or a gradient is not a number (the message names iteration and images); ABORTED when another
  // process is gone or reports why the training ends.
  absl::Status Run(const TrainingCallbacks& callbacks, const c10::intrusive_ptr<ProcessGroup>& group = {});

  // See TrainingState for these.
  Checkpoint MakeCheckpoint() const { return state_->MakeCheckpoint(); }
  absl::Status SaveWeights(const std::filesystem::path& path) const { return state_->SaveWeights(path); }
  const std::string& init_summary() const { return state_->init_summary(); }
  double final_loss() const { return state_->final_loss(); }
  std::vector<double> class_quality() const { return state_->class_quality(); }
  int64_t resumed_from() const { return state_->resumed_from(); }
  const std::shared_ptr<detection::FasterRcnn>& model() const { return state_->model(); }
  detection::FasterRcnn& evaluated_model() const { return state_->evaluated_model(); }

  const std::optional<Measurement>& measurement() const { return report_.progress().measurement; }

 private:
  Trainer(TrainingSet set, std::unique_ptr<TrainingState> state);
  const v1::TrainingRecipe& training() const { return state_->recipe().training(); }
  absl::Status RunSteps(const TrainingCallbacks& callbacks, ProcessGroup* group);
  absl::Status Step(BatchLoader& loader, ProcessGroup* group, FeatureCache* features);
  bool IsMeasurementDue() const;
  absl::Status Measure();
  // Null when the output of the frozen layers for an image changes from step to step, or no layer is frozen.
  std::unique_ptr<FeatureCache> MakeFeatureCache(const ProcessGroup* group) const;
  void UseFrozenFeatures(TrainingBatch& batch, FeatureCache& features);

  TrainingSet set_;
  std::unique_ptr<TrainingState> state_;
  TrainingReport report_;
};

}  // namespace loupe
