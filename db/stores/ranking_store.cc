#include "db/stores/ranking_store.h"

#include "db/rows/labeling_row.h"
#include "db/transaction.h"

namespace loupe {
namespace {

std::vector<ImageId> IdsOf(const pqxx::result& rows) {
  std::vector<ImageId> ids;
  ids.reserve(rows.size());
  for (const auto& row : rows) ids.push_back(IdOf<ImageId>(row[0]));
  return ids;
}

RankingId FirstId(const pqxx::result& rows) {
  return rows.empty() ? RankingId() : IdOf<RankingId>(rows[0][0]);
}

void CopyEntries(Transaction& transaction, RankingId ranking, uint64_t first_position,
                 const std::vector<NewRankingEntry>& entries) {
  CopyIn rows(transaction, "ranking_entry",
              {"ranking_id", "position", "image_id", "image_side", "slice", "score", "probability", "blind"});
  for (size_t i = 0; i < entries.size(); ++i) {
    const NewRankingEntry& entry = entries[i];
    const char* side = entry.slice == "holdout" ? "holdout" : "pool";
    rows.Row(ranking, first_position + i, entry.image, side, entry.slice, entry.score, entry.probability,
             entry.blind);
  }
  rows.Finish();
}

}  // namespace

std::vector<ImageId> ReadEligibleImages(Transaction& transaction, ProjectId project, ImageId after,
                                        int limit) {
  return IdsOf(transaction.Exec("SelectEligibleImages", project, after, limit));
}

std::vector<ImageId> ReadHoldoutQueue(Transaction& transaction, ProjectId project, uint64_t limit) {
  return IdsOf(transaction.Exec("SelectHoldoutQueue", project, limit));
}

uint64_t CountHoldoutLabelled(Transaction& transaction, ProjectId project) {
  return transaction.Exec("CountHoldoutLabelled", project).at(0)[0].as<uint64_t>();
}

std::vector<int64_t> CountBoxesByClass(Transaction& transaction, ProjectId project) {
  std::vector<int64_t> counts;
  for (const auto& row : transaction.Exec("CountBoxesByClass", project))
    counts.push_back(row[1].as<int64_t>());
  return counts;
}

std::vector<TimedTask> ReadTimedTasks(Transaction& transaction, ProjectId project, int limit) {
  std::vector<TimedTask> tasks;
  for (const auto& row : transaction.Exec("SelectTimedTasks", project, limit))
    tasks.push_back({row[0].as<double>(), row[1].as<int>()});
  return tasks;
}

RankingId InsertRanking(Transaction& transaction, const NewRanking& ranking,
                        const std::vector<NewRankingEntry>& entries) {
  // The seed is unsigned; SQL stores the same 64 bits as a signed number.
  const auto id = IdOf<RankingId>(transaction
                                      .Exec("InsertRanking", ranking.project, ranking.model, ranking.round,
                                            ranking.strategy, static_cast<int64_t>(ranking.seed),
                                            ranking.eligible, ranking.random_entries)
                                      .at(0)[0]);
  CopyEntries(transaction, id, 0, entries);
  return id;
}

RankingId FindRankingOfRound(Transaction& transaction, RoundId round) {
  return FirstId(transaction.Exec("SelectRankingOfRound", round));
}

RankingId FindRankingOfModel(Transaction& transaction, ModelId model) {
  return FirstId(transaction.Exec("SelectRankingOfModel", model));
}

void SwitchRanking(Transaction& transaction, ProjectId project, RankingId ranking) {
  transaction.Exec("RetireActiveRanking", project, ranking);
  transaction.Exec("ActivateRanking", ranking);
}

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

void AdvanceFirstOpen(Transaction& transaction) {
  transaction.Exec("LockActiveRankings");
  // A separate statement, so that it sees the images that the lock's last holder restored.
  transaction.Exec("AdvanceFirstOpen");
}

RankingEnd LockRankingEnd(Transaction& transaction, RankingId ranking) {
  transaction.Exec("LockRanking", ranking);
  // A separate statement, so that it sees what the lock's last holder appended.
  const pqxx::result rows = transaction.Exec("MeasureRanking", ranking);
  return {rows.at(0)["next_position"].as<uint64_t>(), rows.at(0)["holdout_waiting"].as<uint64_t>()};
}

std::vector<ImageId> ReadUnranked(Transaction& transaction, ProjectId project, RankingId ranking,
                                  v1::Side side) {
  return IdsOf(transaction.Exec("SelectUnranked", project, ranking, side == v1::POOL ? "pool" : "holdout"));
}

void AppendEntries(Transaction& transaction, RankingId ranking, const RankingEnd& end, uint64_t eligible,
                   const std::vector<NewRankingEntry>& entries) {
  transaction.Exec("AddEligible", ranking, eligible);
  CopyEntries(transaction, ranking, end.next_position, entries);
}

}  // namespace loupe
