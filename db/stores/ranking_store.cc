#include "db/stores/ranking_store.h"

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
  // A seed of 64 bits is kept as the same bits with a sign.
  const auto id =
      IdOf<RankingId>(transaction
                          .Exec("InsertRanking", ranking.project, ranking.model, ranking.round,
                                ranking.strategy, static_cast<int64_t>(ranking.seed), ranking.eligible)
                          .at(0)[0]);
  CopyIn rows(transaction, "ranking_entry",
              {"ranking_id", "position", "image_id", "image_side", "slice", "score", "probability", "blind"});
  for (size_t position = 0; position < entries.size(); ++position) {
    const NewRankingEntry& entry = entries[position];
    const char* side = entry.slice == "holdout" ? "holdout" : "pool";
    rows.Row(id, position, entry.image, side, entry.slice, entry.score, entry.probability, entry.blind);
  }
  rows.Finish();
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

}  // namespace loupe
