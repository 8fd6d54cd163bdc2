// A planned ranking as the database stores it.
#pragma once

#include <vector>

#include "db/stores/ranking_store.h"
#include "server/ranking/ranking_plan.h"

namespace loupe {

inline std::vector<NewRankingEntry> StoredEntries(const ranking::RankingPlan& plan) {
  std::vector<NewRankingEntry> entries;
  entries.reserve(plan.entries.size());
  for (const ranking::RankingEntry& entry : plan.entries) {
    entries.push_back({ImageId(entry.image_id), ranking::SliceName(entry.slice), entry.score,
                       entry.probability, entry.blind});
  }
  return entries;
}

}  // namespace loupe
