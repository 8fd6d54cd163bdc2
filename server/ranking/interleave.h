// Slices interleaved into one order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "server/ranking/slices.h"

namespace loupe::ranking {

constexpr size_t kHoldoutEvery = 5;  // one entry in five is of the holdout, on top of the budget

// For each place, the index of the list that fills it (0, 1 or 2), until all lists are used up. Turns are
// spread evenly by the lists' quotas: in every prefix of the places, each list has its share, plus or minus
// one. When a list has run out, the list with most entries left takes its turns.
std::vector<size_t> Interleaving(const std::array<size_t, 3>& sizes, const std::array<size_t, 3>& quotas);

// Inserts the first `missing` images of the holdout's queue: every kHoldoutEvery-th entry is one of them. If
// the pool has run out, those that are left follow at the end.
Entries AddHoldout(const Entries& pool, std::span<const int64_t> queue, size_t missing, bool pool_ran_out);

}  // namespace loupe::ranking
