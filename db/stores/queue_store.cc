#include "db/stores/queue_store.h"

#include <string_view>

#include "db/rows/labeling_row.h"
#include "db/transaction.h"

namespace loupe {

std::optional<ActiveRanking> FindActiveRanking(Transaction& transaction, ProjectId project) {
  const pqxx::result rows = transaction.Exec("SelectActiveRanking", project);
  if (rows.empty()) return std::nullopt;
  return ActiveRanking{IdOf<RankingId>(rows[0]["id"]), rows[0]["generation"].as<uint32_t>(),
                       static_cast<uint64_t>(rows[0]["seed"].as<int64_t>())};
}

std::vector<v1::QueueEntry> ReadQueue(Transaction& transaction, ProjectId project, uint64_t from, int limit) {
  std::vector<v1::QueueEntry> entries;
  for (const auto& row : transaction.Exec("SelectQueue", project, from, limit)) {
    v1::QueueEntry& entry = entries.emplace_back();
    *entry.mutable_image() = ShownImage(row);
    *entry.mutable_reason() = ReasonOf(row);
    entry.set_blind(row["blind"].as<bool>());
    entry.set_state(row["state"].as<std::string>());
  }
  return entries;
}

void AdvanceFirstOpen(Transaction& transaction) { transaction.Exec("AdvanceFirstOpen"); }

RankingEnd LockRankingEnd(Transaction& transaction, RankingId ranking) {
  transaction.Exec("LockRanking", ranking);
  // A statement of its own, so that it sees what the one who had the lock before appended.
  const pqxx::result rows = transaction.Exec("MeasureRanking", ranking);
  return {rows.at(0)["next_position"].as<uint64_t>(), rows.at(0)["holdout_waiting"].as<uint64_t>()};
}

std::vector<ImageId> ReadUnranked(Transaction& transaction, ProjectId project, RankingId ranking,
                                  v1::Side side) {
  std::vector<ImageId> images;
  for (const auto& row :
       transaction.Exec("SelectUnranked", project, ranking, side == v1::POOL ? "pool" : "holdout")) {
    images.push_back(IdOf<ImageId>(row[0]));
  }
  return images;
}

void AppendEntries(Transaction& transaction, RankingId ranking, const RankingEnd& end, uint64_t eligible,
                   const std::vector<NewRankingEntry>& entries) {
  transaction.Exec("AddEligible", ranking, eligible);
  CopyIn rows(transaction, "ranking_entry",
              {"ranking_id", "position", "image_id", "image_side", "slice", "score", "probability", "blind"});
  for (size_t i = 0; i < entries.size(); ++i) {
    const NewRankingEntry& entry = entries[i];
    const char* side = entry.slice == std::string_view("holdout") ? "holdout" : "pool";
    rows.Row(ranking, end.next_position + i, entry.image, side, entry.slice, entry.score, entry.probability,
             entry.blind);
  }
  rows.Finish();
}

}  // namespace loupe
