#include "server/labeling/queue_growth.h"

#include <algorithm>
#include <vector>

#include "db/search/image_counts.h"
#include "server/ranking/ranking_plan.h"
#include "server/rounds/ranking_entries.h"

namespace loupe {

absl::StatusOr<size_t> AppendUnranked(Transaction& transaction, ProjectId project,
                                      const ActiveRanking& ranking, const RankingEnd& end,
                                      uint32_t holdout_target, size_t depth) {
  std::vector<ranking::Candidate> candidates;
  for (const ImageId image : ReadUnranked(transaction, project, ranking.id, v1::POOL)) {
    candidates.emplace_back().image_id = image.value();
  }
  std::vector<int64_t> holdout;
  const uint64_t settled = ImageCounts(transaction, project).BlindOf(v1::HOLDOUT) + end.holdout_waiting;
  const uint64_t missing = holdout_target > settled ? holdout_target - settled : 0;
  if (missing > 0) {
    for (const ImageId image : ReadUnranked(transaction, project, ranking.id, v1::HOLDOUT)) {
      holdout.push_back(image.value());
    }
  }
  if (candidates.empty() && holdout.empty()) return 0;
  const size_t pool_entries = std::min(depth, candidates.size());
  const auto plan = ranking::PlanRanking(
      candidates, holdout, ranking::FirstGenerationOptions(pool_entries, missing, ranking.seed));
  if (!plan.ok()) return absl::InternalError(plan.status().message());
  const std::vector<NewRankingEntry> entries = StoredEntries(*plan);
  // Later generations keep the |U| that their random slice was drawn from.
  const uint64_t eligible = ranking.generation == 0 ? plan->eligible_count : 0;
  AppendEntries(transaction, ranking.id, end, eligible, entries);
  return entries.size();
}

}  // namespace loupe
