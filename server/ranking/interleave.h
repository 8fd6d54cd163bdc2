// Slices woven into one order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "server/ranking/slices.h"

namespace loupe::ranking {

using Entries = std::vector<RankingEntry>;

// Spreads the lists evenly over the positions: each next entry comes from the list that is furthest behind,
// so that any part of the order holds each list's share to within one entry.
Entries Interleave(const std::array<Entries, 3>& lists);

// Puts the first `missing` of the holdout's queue in as every kHoldoutEvery-th entry, and those that are left
// at the end where the pool ran out.
Entries AddHoldout(const Entries& pool, std::span<const int64_t> queue, size_t missing, bool pool_ran_out);

}  // namespace loupe::ranking
