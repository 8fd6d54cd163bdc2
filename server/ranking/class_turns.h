// The uncertain slice: images compete within their main class, and classes take turns.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "server/ranking/diversity.h"
#include "server/ranking/pool_scorer.h"

namespace loupe::ranking {

// Diversity chooses from at most this many images for each place that it fills.
constexpr size_t kCandidatesPerPlace = 4;

// Images of one main class, or of all classes, in the order in which they are served.
struct ClassQueue {
  double share = 0;  // of the slice, above 0; shares need not add up to 1
  std::vector<const Candidate*> images;
};

// One queue per class, in order of class index. Each queue keeps the order of `by_score`. Without shares
// there is a single queue.
std::vector<ClassQueue> QueuesOf(const std::vector<const Candidate*>& by_score,
                                 std::span<const double> class_shares);

// For each of the first `count` places, the index of the queue that fills it; fewer places when the images
// run out. Each place goes to the queue that is furthest behind its share, among the queues that have images
// left.
std::vector<size_t> Turns(const std::vector<ClassQueue>& queues, size_t count);

// One group per queue. It holds the first images of the queue: kCandidatesPerPlace for each place that one
// budget gives the queue. budget_turns: the turns of that budget.
std::vector<DiversityRequest::Group> GroupsOf(const std::vector<ClassQueue>& queues,
                                              std::span<const size_t> budget_turns);

// Puts the images of each queue into its order. orders: one per queue, in terms of GroupsOf, or none at all.
void ReorderQueues(std::span<const DiverseOrder> orders, std::vector<ClassQueue>& queues);

}  // namespace loupe::ranking
