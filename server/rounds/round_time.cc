#include "server/rounds/round_time.h"

#include <algorithm>
#include <cmath>

#include <google/protobuf/util/message_differencer.h>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "db/stores/job_store.h"
#include "recipe/recipe.h"

namespace loupe {
namespace {

// Jobs that are looked at for a rate.
constexpr int kJobs = 200;

double ImagesPerIteration(const v1::TrainingRecipe& training) {
  return static_cast<double>(training.batch_size()) * training.accumulation_steps();
}

// What a job's rate depends on, next to the machine and the pictures.
v1::Recipe WhatRateDependsOn(v1::JobKind kind, const v1::Recipe& recipe) {
  v1::Recipe part;
  *part.mutable_detector() = recipe.detector();
  if (kind == v1::TRAIN) {
    // Frozen layers only make a difference where training starts from weights.
    if (!recipe.detector().init_model().empty()) part.mutable_detector()->set_init_model("some");
    part.mutable_training()->set_precision(recipe.training().precision());
    return part;
  }
  part.mutable_detector()->clear_init_model();
  part.mutable_detector()->clear_trainable_layers();
  part.mutable_detector()->clear_init_shrink();
  part.mutable_detector()->clear_init_perturb();
  part.mutable_prediction()->set_precision(recipe.prediction().precision());
  if (kind == v1::PREDICT) part.mutable_prediction()->set_mirrored(recipe.prediction().mirrored());
  return part;
}

std::optional<double> FindRate(Transaction& transaction, v1::JobKind kind, const v1::Recipe& recipe) {
  const v1::Recipe wanted = WhatRateDependsOn(kind, recipe);
  for (const MeasuredRate& rate : ReadRates(transaction, kind, kJobs)) {
    const absl::StatusOr<v1::Recipe> known = ParseStoredRecipe(rate.recipe);
    if (!known.ok()) continue;
    if (google::protobuf::util::MessageDifferencer::Equals(WhatRateDependsOn(kind, *known), wanted)) {
      return rate.images_per_second;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<double> SecondsLeft(const v1::JobProgress& progress, const v1::TrainingRecipe& training) {
  if (!(progress.images_per_second() > 0)) return std::nullopt;
  const auto left = static_cast<double>(progress.total() - std::min(progress.done(), progress.total()));
  const bool trains = progress.kind() == "train" || progress.kind() == "find_label_errors";
  const double images = trains ? left * ImagesPerIteration(training) : left;
  return images / progress.images_per_second();
}

void EstimateTimes(Transaction& transaction, v1::RoundPlan& plan) {
  const v1::Recipe& recipe = plan.recipe();
  const double workers = std::max(plan.workers(), 1U);
  if (const auto rate = FindRate(transaction, v1::TRAIN, recipe); rate.has_value()) {
    plan.set_training_rate(*rate);
    const double seconds = StepsOf(recipe.training()) * ImagesPerIteration(recipe.training()) / *rate;
    plan.set_training_seconds(seconds);
    if (const uint32_t folds = recipe.label_errors().folds(); folds > 0)
      plan.set_checking_seconds(seconds * std::ceil(folds / workers));
  }
  if (const auto rate = FindRate(transaction, v1::EVALUATE, recipe); rate.has_value()) {
    plan.set_evaluating_seconds(static_cast<double>(plan.evaluated_images()) / (*rate * workers));
  }
  if (const auto rate = FindRate(transaction, v1::PREDICT, recipe); rate.has_value()) {
    plan.set_prediction_rate(*rate);
    plan.set_predicting_seconds(static_cast<double>(plan.predicted_images()) / (*rate * workers));
  }
}

}  // namespace loupe
