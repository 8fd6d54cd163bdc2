// Appends images to the active ranking, if the ranking doesn't hold them yet.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "db/ids.h"
#include "db/stores/ranking_store.h"

namespace loupe {

// Appends unlabelled images that the active ranking doesn't hold: at most `depth` pool images in uniformly
// random order, all blind, and between them as many holdout images as the holdout lacks for its target.
// `end`: from LockRankingEnd. Returns how many entries were appended. Errors: INTERNAL.
absl::StatusOr<size_t> AppendUnranked(Transaction& transaction, ProjectId project,
                                      const ActiveRanking& ranking, const RankingEnd& end,
                                      uint32_t holdout_target, size_t depth);

}  // namespace loupe
