#include "db/stores/ranking_store.h"

#include "db/rows/labeling_row.h"
#include "db/rows/message_row.h"
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

std::optional<QueueStart> FindQueueStart(Transaction& transaction, ProjectId project, uint64_t from,
                                         uint64_t walked) {
  const pqxx::result rows = transaction.Exec("SelectQueueStart", project, from, walked);
  if (rows.empty()) return std::nullopt;
  const pqxx::row row = rows[0];
  return QueueStart{.ranking = IdOf<RankingId>(row["id"]),
                    .position = row["position"].as<uint64_t>(),
                    .generation = row["generation"].as<uint32_t>(),
                    .model = row["model"].as<uint32_t>(),
                    .active_since = TimestampOf(row["activated_at"]),
                    .has_more = row["has_more"].as<bool>()};
}

std::vector<v1::QueueEntry> ReadQueue(Transaction& transaction, const QueueStart& start, uint64_t walked,
                                      const QueueFilter& filter, int limit) {
  std::optional<std::string> slice;
  if (filter.slice != v1::SLICE_UNSPECIFIED) slice = SliceName(filter.slice);
  std::vector<v1::QueueEntry> entries;
  for (const auto& row : transaction.Exec("SelectQueue", start.ranking, start.position, walked, limit, slice,
                                          filter.label, filter.unanswered)) {
    v1::QueueEntry& entry = entries.emplace_back();
    *entry.mutable_image() = ShownImage(row);
    *entry.mutable_reason() = ReasonOf(row);
    entry.set_blind(row["blind"].as<bool>());
    entry.set_state(row["state"].as<std::string>());
    const std::vector<int64_t> labels = IntegersOf(row["labels"]);
    const std::vector<float> scores = FloatsOf(row["scores"]);
    for (size_t i = 0; i < labels.size(); ++i) {
      v1::PredictedClass& predicted = *entry.add_predicted();
      predicted.set_label(static_cast<uint32_t>(labels[i]));
      predicted.set_score(scores[i]);
    }
    if (row["held_by"].is_null()) continue;
    entry.set_held_by(row["held_by"].as<std::string>());
    *entry.mutable_lease_expires_at() = TimestampOf(row["expires_at"]);
  }
  return entries;
}

void AddSliceCounts(Transaction& transaction, const QueueStart& start, uint64_t walked,
                    v1::QueueSummary& summary) {
  for (const auto& row : transaction.Exec("CountQueueBySlice", start.ranking, start.position, walked)) {
    v1::SliceCount& count = *summary.add_slices();
    count.set_slice(SliceOf(row["slice"]));
    count.set_images(row["count"].as<uint64_t>());
  }
}

void AddRequests(Transaction& transaction, ProjectId project, int counted, int listed,
                 v1::QueueSummary& summary) {
  for (const auto& row : transaction.Exec("CountRequests", project, counted)) {
    v1::RequestCount& count = *summary.add_requests();
    count.set_kind(TaskKindOf(row["kind"]));
    count.set_images(row["images"].as<uint64_t>());
    count.set_has_more(row["has_more"].as<bool>());
  }
  for (const auto& row : transaction.Exec("SelectNextRequests", project, listed)) {
    v1::RequestedImage& request = *summary.add_next_requests();
    *request.mutable_image() = ShownImage(row);
    request.set_kind(TaskKindOf(row["kind"]));
    request.set_new_class(row["class_label"].as<uint32_t>());
    *request.mutable_requested_at() = TimestampOf(row["created_at"]);
    request.set_held_by(row["held_by"].as<std::string>(""));
    request.set_asked_of(row["asked_of"].as<std::string>(""));
    request.set_reason(row["reason"].as<std::string>());
  }
}

void AddHeldImages(Transaction& transaction, ProjectId project, int listed, v1::QueueSummary& summary) {
  for (const auto& row : transaction.Exec("SelectHeldImages", project, listed)) {
    v1::HeldImage& held = *summary.add_held();
    *held.mutable_image() = ShownImage(row);
    held.set_held_by(row["held_by"].as<std::string>());
    held.set_kind(TaskKindOf(row["kind"]));
    *held.mutable_leased_at() = TimestampOf(row["created_at"]);
    *held.mutable_lease_expires_at() = TimestampOf(row["expires_at"]);
    summary.set_held_total(row["total"].as<uint64_t>());
  }
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
  return IdsOf(transaction.Exec("SelectUnranked", project, ranking, SideName(side)));
}

void AppendEntries(Transaction& transaction, RankingId ranking, const RankingEnd& end, uint64_t eligible,
                   const std::vector<NewRankingEntry>& entries) {
  transaction.Exec("AddEligible", ranking, eligible);
  CopyEntries(transaction, ranking, end.next_position, entries);
}

}  // namespace loupe
