// What a training has reached: model, optimizer, weight average and counters. This is what a checkpoint saves
// and restores.
//
// No random generator is part of it. Every random draw comes from a generator that is seeded with the
// recipe's seed and the number of the image in the sequence of all batches (random_stream.h).
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "loupe/v1/recipe.pb.h"
#include "worker/training/checkpoint.h"
#include "worker/training/class_quality.h"
#include "worker/training/optimizer.h"
#include "worker/training/training_set.h"
#include "worker/training/weight_average.h"
#include "worker/weights/safetensors.h"

namespace loupe::detection {
class FasterRcnn;
}

namespace loupe {

class TrainingState {
 public:
  // The state before the first step. The model and the optimizer live on `device`.
  // recipe: with defaults filled in. init: weights to start from, complete or in part; null: random weights.
  // Errors: INVALID_ARGUMENT for an unknown preset or weights without a tensor that fits; those of
  // ResolvePrecision; INTERNAL when LibTorch fails.
  static absl::StatusOr<std::unique_ptr<TrainingState>> Create(const v1::Recipe& recipe,
                                                               const TrainingSet& set,
                                                               const SafetensorsFile* init,
                                                               torch::Device device);

  // Continues from a checkpoint of the same recipe, classes and images.
  // Errors: INVALID_ARGUMENT when it belongs to another training or is incomplete.
  absl::Status Restore(const Checkpoint& checkpoint);
  // The tensors are not copied: write them before the next step.
  Checkpoint MakeCheckpoint() const;
  // Writes evaluated_model() with preset, classes and image sizes as metadata.
  absl::Status SaveWeights(const std::filesystem::path& path) const;

  void ClearGradients() { optimizer_->ClearGradients(); }
  // The parameters that are trained.
  std::vector<torch::Tensor> parameters() const { return optimizer_->parameters(); }
  // Ends a step: updates the weights from their gradients, then the average and the counters.
  // loss: the step's loss. positives: [2, C], see ClassQuality::Update.
  // Returns false when the norm of the gradients is not finite; weights and counters are then unchanged.
  bool FinishStep(double loss, const torch::Tensor& positives);

  const v1::Recipe& recipe() const { return recipe_; }
  // Steps done.
  int64_t iteration() const { return iteration_; }
  // The checkpoint's iteration; 0 without one.
  int64_t resumed_from() const { return resumed_from_; }
  // Mean loss of the last tenth of the iterations. Requires: all steps are done.
  double final_loss() const;
  // [classes] in [0, 1], see ClassQuality.
  std::vector<double> class_quality() const { return class_quality_.means(); }
  // How the initial weights were used, for people to read; empty when there were none.
  const std::string& init_summary() const { return init_summary_; }
  // The model that is trained.
  const std::shared_ptr<detection::FasterRcnn>& model() const { return model_; }
  // The model that is evaluated and saved: the averaged one if there is one.
  detection::FasterRcnn& evaluated_model() const { return average_ ? *average_->model() : *model_; }

 private:
  TrainingState(const v1::Recipe& recipe, const TrainingSet& set);
  absl::Status BuildModel(const SafetensorsFile* init, torch::Device device);
  void BuildOptimizer();
  absl::Status RestoreTensors(const Checkpoint& checkpoint);
  int64_t LateIterations() const;

  v1::Recipe recipe_;
  std::vector<std::string> class_names_;
  std::string fingerprint_;
  std::shared_ptr<detection::FasterRcnn> model_;
  std::vector<std::string> pretrained_;  // parameters taken from the initial weights
  std::string init_summary_;
  std::unique_ptr<RecipeOptimizer> optimizer_;
  std::optional<WeightAverage> average_;  // with `ema_decay`
  ClassQuality class_quality_;
  int64_t iteration_ = 0;
  int64_t resumed_from_ = 0;
  double late_loss_sum_ = 0;
};

}  // namespace loupe
