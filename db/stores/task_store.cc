#include "db/stores/task_store.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>
#include <utility>

#include "absl/time/clock.h"
#include "db/rows/labeling_row.h"
#include "db/rows/message_row.h"
#include "db/stores/job_store.h"
#include "db/transaction.h"

namespace loupe {
namespace {

std::vector<TaskId> TaskIds(const pqxx::result& rows) {
  std::vector<TaskId> tasks;
  for (const auto& row : rows) tasks.push_back(IdOf<TaskId>(row[0]));
  return tasks;
}

// partner: corners of the box that the model saw in the mirrored image, all 0 if it saw none; empty: not
// known.
void AddSideCertainty(const std::vector<float>& partner, v1::PredictedBox& box) {
  if (partner.size() != 4) return;
  const std::array<float, 4> sides = {box.box().x1(), box.box().y1(), box.box().x2(), box.box().y2()};
  const bool seen = std::any_of(partner.begin(), partner.end(), [](float corner) { return corner != 0; });
  for (size_t side = 0; side < sides.size(); ++side) {
    const float length = side % 2 == 0 ? sides[2] - sides[0] : sides[3] - sides[1];
    const float distance = std::abs(sides[side] - partner[side]) / length;
    box.add_side_certainty(seen ? std::max(0.0F, 1 - distance) : 0);
  }
}

pqxx::result RowsOf(Transaction& transaction, const char* statement, const std::vector<TaskId>& tasks) {
  return tasks.empty() ? pqxx::result() : transaction.Exec(statement, tasks);
}

}  // namespace

std::vector<TaskId> ClaimTasks(Transaction& transaction, RankingId ranking, PrincipalId principal,
                               uint32_t count, bool skipped) {
  return TaskIds(
      transaction.Exec("ClaimTasks", ranking, principal, count, absl::ToInt64Seconds(kTaskLease), skipped));
}

std::vector<TaskId> ClaimRequested(Transaction& transaction, ProjectId project, PrincipalId principal,
                                   uint32_t count, bool skipped) {
  return TaskIds(transaction.Exec("ClaimRequested", project, principal, count,
                                  absl::ToInt64Seconds(kTaskLease), skipped));
}

uint64_t CountSkipped(Transaction& transaction, ProjectId project, PrincipalId principal) {
  return transaction.Exec("CountSkipped", project, principal).at(0)[0].as<uint64_t>();
}

std::optional<TaskId> ReopenImage(Transaction& transaction, ImageId image, PrincipalId principal) {
  const pqxx::result rows =
      transaction.Exec("ReopenImage", image, principal, absl::ToInt64Seconds(kTaskLease));
  if (rows.at(0)[0].is_null()) return std::nullopt;
  return IdOf<TaskId>(rows.at(0)[0]);
}

std::vector<TaskId> FindOpenTasks(Transaction& transaction, ProjectId project, PrincipalId principal) {
  return TaskIds(transaction.Exec("SelectOpenTasks", principal, project));
}

std::vector<v1::Task> ReadTasks(Transaction& transaction, const std::vector<TaskId>& tasks) {
  std::vector<v1::Task> read;
  std::unordered_map<int64_t, size_t> places;
  std::vector<TaskId> shows, corrects;
  for (const auto& row : transaction.Exec("SelectTasks", tasks)) {
    places[row["task_id"].as<int64_t>()] = read.size();
    v1::Task& task = read.emplace_back();
    task.set_task_id(row["task_id"].as<int64_t>());
    task.set_lease(row["lease_number"].as<int64_t>());
    *task.mutable_lease_expires_at() = TimestampOf(row["expires_at"]);
    *task.mutable_image() = ShownImage(row);
    task.set_blind(row["blind"].as<bool>());
    task.set_kind(TaskKindOf(row["kind"]));
    if (!row["position"].is_null()) *task.mutable_reason() = ReasonOf(row);
    const auto as_of = Nullable<uint32_t>(row["as_of_generation"]);
    if (as_of.has_value()) task.mutable_reason()->set_generation(*as_of);
    if (row["shows"].as<bool>()) shows.emplace_back(task.task_id());
    if (row["corrects"].as<bool>()) corrects.emplace_back(task.task_id());
    task.set_request_reason(row["request_reason"].as<std::string>());
    task.set_note(row["note"].as<std::string>());
    for (std::string& flag : TextsOf(row["flags"])) task.add_flags(std::move(flag));
    for (const int64_t label : IntegersOf(row["new_classes"])) {
      task.add_new_classes(static_cast<uint32_t>(label));
    }
  }
  for (const auto& row : RowsOf(transaction, "SelectShownBoxes", shows)) {
    v1::PredictedBox& box = *read[places.at(row["task_id"].as<int64_t>())].add_predictions();
    box = PredictedBoxOf(row);
    AddSideCertainty(FloatsOf(row["partner"]), box);
  }
  for (const auto& row : RowsOf(transaction, "SelectBoxesToCorrect", corrects)) {
    *read[places.at(row["task_id"].as<int64_t>())].add_boxes() = LabelBoxOf(row);
  }
  return read;
}

std::optional<LockedTask> LockTask(Transaction& transaction, TaskId task) {
  const pqxx::result rows = transaction.Exec("LockTask", task);
  if (rows.empty()) return std::nullopt;
  const pqxx::row row = rows[0];
  LockedTask locked;
  locked.principal = IdOf<PrincipalId>(row["principal_id"]);
  locked.lease = IdOf<LeaseNumber>(row["lease_number"]);
  locked.state = row["state"].as<std::string>();
  locked.held = row["held"].as<bool>();
  locked.taken = row["taken"].as<bool>();
  locked.plants = row["plants"].as<bool>();
  locked.image = IdOf<ImageId>(row["image_id"]);
  locked.blind = row["blind"].as<bool>();
  locked.width = row["width"].as<uint32_t>();
  locked.height = row["height"].as<uint32_t>();
  locked.classes = row["classes"].as<uint32_t>();
  locked.retired = IntegersOf(row["retired"]);
  if (row["shows"].as<bool>()) {
    for (const auto& box : RowsOf(transaction, "SelectShownBoxes", {task})) {
      locked.shown.push_back(PredictedBoxOf(box));
    }
  }
  if (row["corrects"].as<bool>()) {
    for (const auto& box : RowsOf(transaction, "SelectBoxesToCorrect", {task})) {
      locked.corrects.push_back(LabelBoxOf(box));
    }
  }
  return locked;
}

AddedRevision SubmitCorrection(Transaction& transaction, TaskId task, const NewCorrection& correction) {
  const BoxColumns boxes(correction.boxes);
  std::vector<std::string> outcomes;
  for (const v1::Outcome outcome : correction.outcomes) outcomes.push_back(OutcomeName(outcome));
  const pqxx::result rows =
      transaction.Exec("SubmitCorrection", task, correction.lease_ended, correction.spent_ms,
                       correction.client, correction.note, correction.flags, boxes.corners, boxes.labels,
                       boxes.origins, boxes.ignores, boxes.shown, boxes.ids, boxes.spent, outcomes);
  const pqxx::row row = rows.at(0);
  return {IdOf<RevisionId>(row["the_revision"]), row["the_number"].as<uint32_t>(),
          StandingOf(row["the_standing"])};
}

void EndTask(Transaction& transaction, TaskId task, LeaseNumber lease, const char* state,
             const std::string& skip_reason) {
  transaction.Exec("EndTask", task, state, skip_reason);
  transaction.Exec("DeleteLabelLease", lease);
}

std::vector<OwnAnswer> ReadAnswers(Transaction& transaction, ProjectId project, PrincipalId principal,
                                   bool opens_any, RevisionId before, int limit) {
  std::vector<OwnAnswer> answers;
  for (const auto& row : transaction.Exec("SelectAnswers", principal, project, before, opens_any, limit)) {
    v1::Answer answer;
    *answer.mutable_image() = ShownImage(row);
    *answer.mutable_created_at() = TimestampOf(row["created_at"]);
    answer.set_boxes(row["boxes"].as<uint32_t>());
    answer.set_spent_ms(row["spent_ms"].as<uint32_t>());
    answer.set_standing(StandingOf(row["standing"]));
    answer.set_note(row["note"].as<std::string>());
    for (std::string& flag : TextsOf(row["flags"])) answer.add_flags(std::move(flag));
    answer.set_can_be_opened(row["can_be_opened"].as<bool>());
    answers.push_back({IdOf<RevisionId>(row["revision_id"]), std::move(answer)});
  }
  return answers;
}

v1::OwnWork SumWork(Transaction& transaction, ProjectId project, PrincipalId principal, absl::Time since) {
  const pqxx::result rows = transaction.Exec("SumWork", principal, project, since);
  const pqxx::row row = rows.at(0);
  v1::OwnWork work;
  work.mutable_total()->set_images(row["images"].as<uint64_t>());
  work.mutable_total()->set_boxes(row["boxes"].as<uint64_t>());
  work.mutable_total()->set_spent_ms(row["spent_ms"].as<uint64_t>());
  work.mutable_since()->set_images(row["images_since"].as<uint64_t>());
  work.mutable_since()->set_boxes(row["boxes_since"].as<uint64_t>());
  work.mutable_since()->set_spent_ms(row["spent_ms_since"].as<uint64_t>());
  return work;
}

RenewedLeases RenewLeases(Transaction& transaction, PrincipalId principal, const std::vector<TaskId>& tasks,
                          const std::vector<LeaseNumber>& leases) {
  RenewedLeases renewed{absl::Now() + kTaskLease, {}};
  for (const auto& row :
       transaction.Exec("RenewLeases", principal, tasks, leases, absl::ToInt64Seconds(kTaskLease))) {
    renewed.tasks.push_back(IdOf<TaskId>(row["task_id"]));
    renewed.expires_at = TimeOf(row["expires_at"]);
  }
  return renewed;
}

void ShortenLeases(Transaction& transaction) {
  transaction.Exec("ShortenLeases", absl::ToDoubleSeconds(kTaskLease), absl::ToDoubleSeconds(kJobLease));
}

std::vector<ImageOutcome> RequestTasks(Transaction& transaction, ProjectId project,
                                       const std::vector<ImageId>& images, v1::TaskKind kind,
                                       PrincipalId target, const std::string& reason, PrincipalId by) {
  return OutcomesOf(
      transaction.Exec("RequestTasks", project, images, TaskKindName(kind), target, reason, by));
}

std::vector<ImageOutcome> CancelRequests(Transaction& transaction, ProjectId project,
                                         const std::vector<ImageId>& images) {
  transaction.Exec("LockActiveRankings");
  return OutcomesOf(transaction.Exec("CancelRequests", project, images));
}

void FreeRequests(Transaction& transaction) { transaction.Exec("FreeRequests"); }

int64_t ExpireTasks(Transaction& transaction) {
  return static_cast<int64_t>(transaction.Exec("ExpireTasks").affected_rows());
}

}  // namespace loupe
