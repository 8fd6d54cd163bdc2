// Images that no ranking holds yet join the active one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"
#include "db/ids.h"
#include "db/stores/ranking_store.h"

namespace loupe {

// Appends unlabelled images that the active ranking doesn't hold: at most `depth` of the pool in uniformly
// random order, blind, and what the holdout lacks for its target between them. `end`: as LockRankingEnd gave
// it. Returns how many were appended. Errors: INTERNAL.
absl::StatusOr<size_t> AppendUnranked(Transaction& transaction, ProjectId project,
                                      const ActiveRanking& ranking, const RankingEnd& end,
                                      uint32_t holdout_target, size_t depth);

}  // namespace loupe
