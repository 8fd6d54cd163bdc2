// What a training reports while it runs: losses, speed, AP on the validation images, and the callbacks that
// receive them.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "loupe/v1/recipe.pb.h"
#include "worker/training/checkpoint.h"

namespace loupe {

// COCO's AP of the model on the validation images, in [0, 1].
struct Measurement {
  int64_t iteration = 0;  // steps done
  double ap = 0;
  double ap50 = 0;
};

struct TrainingProgress {
  int64_t iteration = 0;   // steps done
  int64_t iterations = 0;  // in all
  double loss = 0;         // of the last step, the mean over its batches; the sum of the next four
  double loss_classifier = 0;
  double loss_box_reg = 0;
  double loss_objectness = 0;
  double loss_rpn_box_reg = 0;
  double images_per_second = 0;  // since this process started or resumed, without validation and callbacks
  int64_t resumed_from = 0;      // the checkpoint's iteration; 0 without one
  std::optional<Measurement> measurement;  // the last one of this process
};

struct TrainingCallbacks {
  // Called after each step. Any error ends the training with that status.
  std::function<absl::Status(const TrainingProgress&)> on_step;
  // Called every `checkpoint_interval` steps, but not after the last step. Any error ends the training.
  std::function<absl::Status(const Checkpoint&)> on_checkpoint;
};

// Whether the progress is worth a line in a log: the first step, every twentieth of the steps, the last step,
// and each step after which AP was measured.
bool IsLogged(const TrainingProgress& progress);

// One line for people, without a line break.
std::string ProgressLine(const TrainingProgress& progress);

// Keeps the progress of a training up to date. For each step: BeginStep, AddLosses per batch, EndStep.
class TrainingReport {
 public:
  // training: with defaults filled in.
  explicit TrainingReport(const v1::TrainingRecipe& training);

  // The training continues from a checkpoint after `iteration` steps.
  void ResumeFrom(int64_t iteration);

  // Sets the losses to 0 and starts the step's clock.
  void BeginStep();
  // Adds the losses of one batch of the step, in the order of detection::Losses.
  void AddLosses(const std::array<double, 4>& losses);
  // Stops the clock. The step counts as done.
  void EndStep();
  // AP in [0, 1], measured after the last step.
  void SetMeasurement(double ap, double ap50);

  const TrainingProgress& progress() const { return progress_; }

  // INTERNAL: the loss of the step that has begun, or a gradient of it, is not a number. image_names: of the
  // images that were involved.
  absl::Status NotANumber(const std::string& image_names) const;

 private:
  double batches_per_step_;
  int64_t images_per_step_;
  TrainingProgress progress_;
  std::chrono::steady_clock::time_point step_start_;
  std::chrono::duration<double> elapsed_{0};  // in steps
};

}  // namespace loupe
