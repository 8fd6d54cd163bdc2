// From a model's predictions of the pool to the entries of its ranking.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "loupe/v1/recipe.pb.h"
#include "loupe/v1/round.pb.h"
#include "loupe/v1/worker.pb.h"
#include "server/ranking/slices.h"
#include "server/ranking/uncertainty.h"

namespace loupe {

// What one ranking is made with.
struct RankingInput {
  v1::RankingRecipe recipe;              // every field set, `strategy` too
  uint64_t seed = 0;                     // of this ranking's draws
  size_t holdout_missing = 0;            // labels that the holdout lacks for its target
  std::vector<int64_t> holdout;          // its unlabelled images by sampling key
  std::vector<int64_t> eligible;         // unlabelled images of the pool, each once
  std::vector<int64_t> boxes_per_class;  // [classes] people's boxes
  std::vector<double> class_quality;     // [classes] of the model's training; empty: not known
  ranking::TaskTimes task_times;         // of the project's people
  v1::Calibration calibration;           // of the model's scores; empty: they are taken as they are
};

// What scoring needs of one prediction.
ranking::PredictedImage ScoringView(const v1::ImagePrediction& prediction);

// Errors: INVALID_ARGUMENT (an unknown strategy, an unknown way from boxes to an image).
absl::StatusOr<ranking::ScoringOptions> ScoringOptionsOf(const RankingInput& input);

// Positions are indices of `entries`. An eligible image without a score (no prediction, or numbers that can't
// be used) comes through the random slice alone, and blind, since there is nothing to show. `diversify` is
// used where the recipe asks for diversity. Errors: INVALID_ARGUMENT (an unknown strategy, an image there
// twice); what `diversify` returns.
absl::StatusOr<ranking::RankingPlan> MakeRankingPlan(const ranking::ScoredPool& pool,
                                                     const RankingInput& input,
                                                     const ranking::Diversify& diversify);

// Images that the random slice of a round's ranking drew from so many eligible ones. Errors: INVALID_ARGUMENT
// (an unknown strategy).
absl::StatusOr<size_t> RandomSliceSize(const v1::RankingRecipe& recipe, size_t eligible);

// The seed of a round's ranking: rounds of one recipe draw differently, a repeated build draws the same.
uint64_t RankingSeed(uint64_t recipe_seed, uint32_t round_number);

}  // namespace loupe
