#include "worker/training/training_report.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "recipe/recipe.h"

namespace loupe {
namespace {

bool IsJustMeasured(const TrainingProgress& progress) {
  return progress.measurement.has_value() && progress.measurement->iteration == progress.iteration;
}

}  // namespace

bool IsLogged(const TrainingProgress& progress) {
  const int64_t stride = std::max<int64_t>(1, progress.iterations / 20);
  return progress.iteration == 1 || progress.iteration % stride == 0 ||
         progress.iteration == progress.iterations || IsJustMeasured(progress);
}

std::string ProgressLine(const TrainingProgress& progress) {
  std::string line = absl::StrFormat("iteration %d of %d: loss %.4f, %.1f images/s", progress.iteration,
                                     progress.iterations, progress.loss, progress.images_per_second);
  if (IsJustMeasured(progress)) {
    absl::StrAppendFormat(&line, ", AP50 %.4f, AP %.4f", progress.measurement->ap50,
                          progress.measurement->ap);
  }
  return line;
}

TrainingReport::TrainingReport(const v1::TrainingRecipe& training)
    : batches_per_step_(training.accumulation_steps()),
      images_per_step_(int64_t{training.accumulation_steps()} * training.batch_size()) {
  progress_.iterations = StepsOf(training);
}

void TrainingReport::ResumeFrom(int64_t iteration) {
  progress_.iteration = iteration;
  progress_.resumed_from = iteration;
}

void TrainingReport::BeginStep() {
  progress_.loss = 0;
  progress_.loss_classifier = 0;
  progress_.loss_box_reg = 0;
  progress_.loss_objectness = 0;
  progress_.loss_rpn_box_reg = 0;
  step_start_ = std::chrono::steady_clock::now();
}

void TrainingReport::AddLosses(const std::array<double, 4>& losses) {
  progress_.loss_classifier += losses[0] / batches_per_step_;
  progress_.loss_box_reg += losses[1] / batches_per_step_;
  progress_.loss_objectness += losses[2] / batches_per_step_;
  progress_.loss_rpn_box_reg += losses[3] / batches_per_step_;
  progress_.loss += std::accumulate(losses.begin(), losses.end(), 0.0) / batches_per_step_;
}

void TrainingReport::EndStep() {
  elapsed_ += std::chrono::steady_clock::now() - step_start_;
  ++progress_.iteration;
  const int64_t images = (progress_.iteration - progress_.resumed_from) * images_per_step_;
  progress_.images_per_second = static_cast<double>(images) / elapsed_.count();
}

void TrainingReport::SetMeasurement(double ap, double ap50) {
  progress_.measurement = {progress_.iteration, ap, ap50};
}

absl::Status TrainingReport::NotANumber(const std::string& image_names) const {
  return absl::InternalError(absl::StrCat(
      "iteration ", progress_.iteration + 1, ": the loss (classifier ", progress_.loss_classifier, ", boxes ",
      progress_.loss_box_reg, ", objectness ", progress_.loss_objectness, ", proposals ",
      progress_.loss_rpn_box_reg,
      ") or its gradient is not a number; lower the learning rate, or look at the images of the batch: ",
      image_names));
}

}  // namespace loupe
