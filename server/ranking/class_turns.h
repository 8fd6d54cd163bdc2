// The uncertain slice: images compete within their main class, and classes take turns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "server/ranking/slices.h"

namespace loupe::ranking {

// Images of one main class, or of all, in the order in which they are served.
struct ClassQueue {
  double share = 0;  // of the slice, above 0; shares need not add up to 1
  std::vector<const Candidate*> images;
};

// A queue for each class in the order given, or a single one without shares.
std::vector<ClassQueue> QueuesOf(const std::vector<const Candidate*>& by_score,
                                 std::span<const double> class_shares);

// Whose turn it is at each of the first `count` places, or fewer where images run out: of the queue that is
// furthest behind its share among those that have images left.
std::vector<size_t> Turns(const std::vector<ClassQueue>& queues, size_t count);

// Reorders the queues by `diversify`, for what one budget serves of them. `turns`: its places of this slice;
// `served`: ids of the images in its others. Errors: of `diversify`.
absl::Status ReorderQueues(std::span<const size_t> turns, std::vector<int64_t> served,
                           const Diversify& diversify, std::vector<ClassQueue>& queues);

}  // namespace loupe::ranking
