// Trains a detector by a recipe.
//
// The same seed, images and number of threads give the same weights on one machine, also when the training is
// interrupted: batch, flips and samples are drawn from generators seeded with the recipe's seed and the
// image's position in the sequence of all batches.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "loupe/v1/recipe.pb.h"
#include "worker/detection/faster_rcnn.h"
#include "worker/training/batch_loader.h"
#include "worker/training/checkpoint.h"
#include "worker/training/class_quality.h"
#include "worker/training/feature_cache.h"
#include "worker/training/optimizer.h"
#include "worker/training/rank_group.h"
#include "worker/training/training_set.h"
#include "worker/training/weight_average.h"
#include "worker/weights/safetensors.h"

namespace loupe {

// COCO's AP of the model on images that it isn't trained on, in [0, 1].
struct Measurement {
  int64_t iteration = 0;  // steps done
  double ap = 0;
  double ap50 = 0;
};

struct TrainingProgress {
  int64_t iteration = 0;   // steps done
  int64_t iterations = 0;  // in all
  double loss = 0;         // of the last step, the mean over its batches: the sum of these four
  double loss_classifier = 0;
  double loss_box_reg = 0;
  double loss_objectness = 0;
  double loss_rpn_box_reg = 0;
  double images_per_second = 0;  // since this process started or resumed; measuring and callbacks left out
  int64_t resumed_from = 0;      // the checkpoint's iteration; 0 without one
  std::optional<Measurement> measurement;  // the last one of this process
};

struct TrainingCallbacks {
  // After each step. Anything but OK ends the training with that status.
  std::function<absl::Status(const TrainingProgress&)> on_step;
  // Every `checkpoint_interval` steps, but not after the last. Anything but OK ends the training.
  std::function<absl::Status(const Checkpoint&)> on_checkpoint;
};

class Trainer {
 public:
  // `recipe`: with defaults filled in. `init`: weights to start from, whole or in part; null: random weights.
  // Of the images `validation_share` is held out.
  // Model and optimizer live on `device`; images, targets and files are the CPU's.
  // Errors: INVALID_ARGUMENT for an unknown preset, no images, no boxes, or weights of which nothing fits;
  // those of ResolvePrecision.
  static absl::StatusOr<std::unique_ptr<Trainer>> Create(const v1::Recipe& recipe, TrainingSet set,
                                                         const SafetensorsFile* init,
                                                         torch::Device device = torch::kCPU);

  // Goes on from a checkpoint of the same recipe, classes and images.
  // Errors: INVALID_ARGUMENT when it is of another training or incomplete.
  absl::Status Resume(const Checkpoint& checkpoint);

  // Takes the steps that are left. With `ranks`, each of them runs a trainer that stands where the others do,
  // takes its share of every batch and ends with the same weights: up to rounding those of one process.
  // Requires: at least as many images a batch as ranks.
  // Errors: what a callback answers; INVALID_ARGUMENT for an image that can't be read; INTERNAL when a loss
  // or a gradient stops being a number, naming iteration and images, on rank 0; ABORTED when another rank is
  // gone or tells why the training ends.
  absl::Status Run(const TrainingCallbacks& callbacks, const c10::intrusive_ptr<RankGroup>& ranks = {});

  // Where the training stands. Its tensors are the live ones: write them before the next step.
  Checkpoint MakeCheckpoint() const;

  // The weights, or their average when there is one, with preset, classes and sizes as metadata.
  absl::Status SaveWeights(const std::filesystem::path& path) const;

  // What became of the initial weights; a line for people, empty when there were none.
  const std::string& init_summary() const { return init_summary_; }
  // Mean loss of the last tenth of the iterations. Requires: Run() has ended well.
  double final_loss() const;
  // [classes] how well training went on each, in [0, 1]; see ClassQuality.
  std::vector<double> class_quality() const { return class_quality_.means(); }
  int64_t resumed_from() const { return resumed_from_; }
  const std::optional<Measurement>& measurement() const { return measurement_; }
  const std::shared_ptr<detection::FasterRcnn>& model() const { return model_; }

 private:
  Trainer(const v1::Recipe& recipe, TrainingSet set);
  absl::Status BuildModel(const SafetensorsFile* init, torch::Device device);
  void BuildOptimizer();
  absl::Status TakeSteps(const TrainingCallbacks& callbacks, RankGroup* ranks);
  absl::StatusOr<TrainingProgress> Step(BatchLoader& loader, RankGroup* ranks, FeatureCache* features);
  // INTERNAL on rank 0, ABORTED on the others, which have the same to tell.
  absl::Status NotANumber(const TrainingProgress& progress, const std::string& names,
                          const RankGroup* ranks) const;
  bool IsMeasured() const;
  absl::Status Measure();
  // Null where the output of the lowest layers for an image changes, or there are none that are frozen.
  std::unique_ptr<FeatureCache> MakeFeatureCache(const RankGroup* ranks) const;
  void UseFrozenFeatures(TrainingBatch& batch, FeatureCache& features);
  int64_t LateIterations() const;

  v1::Recipe recipe_;
  TrainingSet set_;
  std::string fingerprint_;
  std::shared_ptr<detection::FasterRcnn> model_;
  std::vector<std::string> pretrained_;
  std::string init_summary_;
  std::unique_ptr<RecipeOptimizer> optimizer_;
  std::optional<WeightAverage> average_;  // with `ema_decay`
  std::optional<Measurement> measurement_;
  ClassQuality class_quality_;
  int64_t iteration_ = 0;
  int64_t resumed_from_ = 0;
  double late_loss_sum_ = 0;
};

}  // namespace loupe
