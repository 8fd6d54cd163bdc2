#include "server/ranking/class_turns.h"

#include <algorithm>
#include <optional>
#include <utility>

namespace loupe::ranking {
namespace {

void Rearrange(const DiverseOrder& order, std::vector<const Candidate*>& images) {
  std::vector<const Candidate*> rearranged;
  std::vector<bool> placed(images.size());
  for (const size_t index : order.first) {
    rearranged.push_back(images[index]);
    placed[index] = true;
  }
  for (const size_t index : order.last) placed[index] = true;
  for (size_t i = 0; i < images.size(); ++i) {
    if (!placed[i]) rearranged.push_back(images[i]);
  }
  for (const size_t index : order.last) rearranged.push_back(images[index]);
  images = std::move(rearranged);
}

}  // namespace

std::vector<ClassQueue> QueuesOf(const std::vector<const Candidate*>& by_score,
                                 std::span<const double> class_shares) {
  if (class_shares.empty()) return {{.share = 1, .images = by_score}};
  std::vector<ClassQueue> queues;
  for (const double share : class_shares) queues.push_back({.share = share, .images = {}});
  for (const Candidate* candidate : by_score) queues[candidate->main_class].images.push_back(candidate);
  return queues;
}

// For each place, one credit is divided by share among the queues with images left. The richest queue gets
// the place and pays one credit.
std::vector<size_t> Turns(const std::vector<ClassQueue>& queues, size_t count) {
  std::vector<size_t> taken(queues.size());
  std::vector<double> credits(queues.size());
  std::vector<size_t> turns;
  while (turns.size() < count) {
    double shares = 0;
    for (size_t q = 0; q < queues.size(); ++q) {
      if (taken[q] < queues[q].images.size()) shares += queues[q].share;
    }
    if (shares == 0) break;
    std::optional<size_t> richest;
    for (size_t q = 0; q < queues.size(); ++q) {
      if (taken[q] == queues[q].images.size()) continue;
      credits[q] += queues[q].share / shares;
      if (!richest.has_value() || credits[q] > credits[*richest]) richest = q;
    }
    credits[*richest] -= 1;
    ++taken[*richest];
    turns.push_back(*richest);
  }
  return turns;
}

std::vector<DiversityRequest::Group> GroupsOf(const std::vector<ClassQueue>& queues,
                                              std::span<const size_t> budget_turns) {
  std::vector<DiversityRequest::Group> groups(queues.size());
  for (const size_t q : budget_turns) ++groups[q].count;
  for (size_t q = 0; q < queues.size(); ++q) {
    const size_t considered = std::min(queues[q].images.size(), kCandidatesPerPlace * groups[q].count);
    for (size_t i = 0; i < considered; ++i) {
      groups[q].best.push_back(queues[q].images[i]->image_id);
      groups[q].scores.push_back(*queues[q].images[i]->score);
    }
  }
  return groups;
}

void ReorderQueues(std::span<const DiverseOrder> orders, std::vector<ClassQueue>& queues) {
  for (size_t q = 0; q < orders.size(); ++q) Rearrange(orders[q], queues[q].images);
}

}  // namespace loupe::ranking
