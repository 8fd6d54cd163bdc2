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
};

// What scoring needs of one prediction: boxes that can count, in less memory than the prediction. A
// prediction without boxes is stood for by its largest foreground score, held below what counts as a box.
ranking::PredictedImage ScoringView(const v1::ImagePrediction& prediction);

// Positions are indices of `entries`. An eligible image without a score (no prediction, or numbers that can't
// be used) comes through the random slice alone, and blind, since there is nothing to show. Errors:
// INVALID_ARGUMENT (an unknown strategy, an image there twice).
absl::StatusOr<ranking::RankingPlan> MakeRankingPlan(const std::vector<ranking::PredictedImage>& predicted,
                                                     const RankingInput& input);

// The seed of a round's ranking: rounds of one recipe draw differently, a repeated build draws the same.
uint64_t RankingSeed(uint64_t recipe_seed, uint32_t round_number);

}  // namespace loupe
