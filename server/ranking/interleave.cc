#include "server/ranking/interleave.h"

#include <algorithm>
#include <cstdint>

namespace loupe::ranking {

std::vector<size_t> Interleaving(const std::array<size_t, 3>& sizes, const std::array<size_t, 3>& quotas) {
  const size_t all = quotas[0] + quotas[1] + quotas[2];
  std::array<size_t, 3> turns = {};
  std::array<size_t, 3> left = sizes;
  std::vector<size_t> order(sizes[0] + sizes[1] + sizes[2]);
  for (size_t place = 0; place < order.size(); ++place) {
    size_t next = 0;
    int64_t most_behind = INT64_MIN;
    for (size_t l = 0; l < sizes.size(); ++l) {
      const auto behind =
          static_cast<int64_t>(quotas[l] * (place + 1)) - static_cast<int64_t>(turns[l] * all);
      if (behind > most_behind) {
        most_behind = behind;
        next = l;
      }
    }
    ++turns[next];
    if (left[next] == 0) next = std::max_element(left.begin(), left.end()) - left.begin();
    --left[next];
    order[place] = next;
  }
  return order;
}

Entries AddHoldout(const Entries& pool, std::span<const int64_t> queue, size_t missing, bool pool_ran_out) {
  const size_t wanted = std::min(missing, queue.size());
  size_t added = 0;
  Entries entries;
  const auto add = [&] {
    RankingEntry entry;
    entry.image_id = queue[added++];
    entry.slice = Slice::kHoldout;
    entry.blind = true;
    entries.push_back(entry);
  };
  for (size_t i = 0; i < pool.size(); ++i) {
    entries.push_back(pool[i]);
    if ((i + 1) % (kHoldoutEvery - 1) == 0 && added < wanted) add();
  }
  while (pool_ran_out && added < wanted) add();
  return entries;
}

}  // namespace loupe::ranking
