// From a model's predictions of the pool to its ranking: what the recipe and the labels say, in the terms of
// server/ranking.
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
#include "server/ranking/pool_scorer.h"
#include "server/ranking/ranking_plan.h"

namespace loupe {

// What one ranking is made from.
struct RankingInput {
  v1::RankingRecipe recipe;              // every field set, `strategy` too
  uint64_t seed = 0;                     // of this ranking's draws
  size_t holdout_missing = 0;            // labelled images that the holdout lacks for its target
  std::vector<int64_t> holdout;          // its unlabelled images by sampling key
  std::vector<int64_t> eligible;         // unlabelled images of the pool, each once
  std::vector<int64_t> boxes_per_class;  // [classes] people's boxes
  std::vector<bool> retired;             // [classes] they don't count in the others' medians; empty: none
  std::vector<double> class_quality;  // how well the model learned each class that it knows; empty: not known
  ranking::TaskTimes task_times;      // of the project's people
  v1::Calibration calibration;        // of the model's scores; empty: scores are taken as they are
};

// What scoring needs of one prediction.
ranking::PredictedImage ScoringView(const v1::ImagePrediction& prediction);

// Errors: INVALID_ARGUMENT (unknown strategy or box_to_image).
absl::StatusOr<ranking::ScoringOptions> ScoringOptionsOf(const RankingInput& input);

// An eligible image without a score (no prediction, or its numbers can't be used) is served only in the
// random slice, and blind. Errors: INVALID_ARGUMENT (an unknown strategy, an image that is there twice).
absl::StatusOr<ranking::RankingDraft> DraftRanking(const ranking::ScoredPool& pool,
                                                   const RankingInput& input);

// The seed of a round's ranking. Rounds of the same recipe draw differently; a repeated build draws the same.
uint64_t RankingSeed(uint64_t recipe_seed, uint32_t round_number);

}  // namespace loupe
