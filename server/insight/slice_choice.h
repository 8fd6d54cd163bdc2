// Which random slice figures of the whole pool are made from, and what is known of its images.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "db/stores/estimate_store.h"
#include "db/stores/model_store.h"
#include "server/rounds/round_evaluation.h"

namespace loupe {

// What the ranking that is served drew; of size 0 where no model made it, or it drew nothing. Errors:
// INTERNAL.
absl::StatusOr<RandomDraw> DrawOfActive(Transaction& transaction, ProjectId project);

struct ChosenSlice {
  uint32_t generation = 0;
  DrawnSlice slice;
  std::vector<JudgedImage> images;  // the answered ones with their truth of now, in the order of the draw
  PoolParts parts;
  uint32_t model = 0;           // judged; 0: none
  std::string not_judged;       // why none is; empty: one is
  PredictionsById predictions;  // of `images`, by the judged model
};

// The latest draw whose answered images hold enough boxes for intervals; without one, the draw with the most
// answered images, the later of two alike. `asked`: the model to judge; else it is the one that the
// generation was made from. A model that was trained on an answered image of a slice isn't judged by it:
// `asked` leaves such draws out. nullopt: nothing was drawn at random. Errors: FAILED_PRECONDITION
// (NO_PREDICTIONS: `asked` predicted no image of a draw; TRAINED_ON_SLICE), INTERNAL.
absl::StatusOr<std::optional<ChosenSlice>> ChooseSlice(Transaction& transaction, ProjectId project,
                                                       const std::optional<ModelRow>& asked);

}  // namespace loupe
