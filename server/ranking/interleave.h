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

// Which of three lists each place is filled from, until all are used up. Turns are spread evenly over the
// places, by the lists' quotas: any first part of them gives each list its part to within one. A list that
// has run out leaves its turns to the one that has most left.
std::vector<size_t> Interleaving(const std::array<size_t, 3>& sizes, const std::array<size_t, 3>& quotas);

// Puts the first `missing` of the holdout's queue in as every kHoldoutEvery-th entry, and those that are left
// at the end where the pool ran out.
Entries AddHoldout(const Entries& pool, std::span<const int64_t> queue, size_t missing, bool pool_ran_out);

}  // namespace loupe::ranking
