#include "server/ranking/interleave.h"

#include <algorithm>
#include <cstdint>

namespace loupe::ranking {

Entries Interleave(const std::array<Entries, 3>& lists) {
  size_t total = 0;
  for (const Entries& list : lists) total += list.size();
  std::array<size_t, 3> placed = {};
  Entries entries;
  entries.reserve(total);
  for (size_t position = 1; position <= total; ++position) {
    size_t next = 0;
    int64_t most_behind = INT64_MIN;
    for (size_t l = 0; l < lists.size(); ++l) {
      const auto behind =
          static_cast<int64_t>(lists[l].size() * position) - static_cast<int64_t>(placed[l] * total);
      if (placed[l] < lists[l].size() && behind > most_behind) {
        most_behind = behind;
        next = l;
      }
    }
    entries.push_back(lists[next][placed[next]++]);
  }
  return entries;
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
