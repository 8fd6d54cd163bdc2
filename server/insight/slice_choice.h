// Chooses the random slice from which the whole pool is estimated, and reads its images.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "db/stores/estimate_store.h"
#include "db/stores/model_store.h"
#include "server/rounds/round_evaluation.h"

namespace loupe {

// The random draw of the active ranking. Its size is 0 when no model made the ranking, or it drew nothing.
RandomDraw DrawOfActive(Transaction& transaction, ProjectId project);

struct ChosenSlice {
  uint32_t generation = 0;
  DrawnSlice slice;
  std::vector<JudgedImage> images;  // answered ones with their current truth, in the order of the draw
  PoolParts parts;
  uint32_t model = 0;           // judged; 0: none
  std::string not_judged;       // why no model is judged; empty: one is
  PredictionsById predictions;  // of `images`, by the judged model
  std::set<uint32_t> left_out;  // labels of classes that are retired or not looked for everywhere yet
  std::map<uint32_t, uint64_t> to_look_at;  // images of the pool that are still to be looked at, by label
};

// The latest draw whose answered images hold enough boxes for intervals. If there is none, the draw with the
// most answered images; if several have the most, the latest of them. asked: the model to judge; nullopt: the
// model that the generation was made from. A model isn't judged on a slice with an answered image that it was
// trained on; such draws are left out when `asked` is given. nullopt: nothing was drawn at random. Errors:
// FAILED_PRECONDITION (NO_PREDICTIONS: `asked` predicted no image of a draw; TRAINED_ON_SLICE).
absl::StatusOr<std::optional<ChosenSlice>> ChooseSlice(Transaction& transaction, ProjectId project,
                                                       const std::optional<ModelRow>& asked);

}  // namespace loupe
