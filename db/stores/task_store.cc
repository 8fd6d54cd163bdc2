#include "db/stores/task_store.h"

#include "absl/time/clock.h"
#include "db/rows/labeling_row.h"
#include "db/rows/message_row.h"
#include "db/transaction.h"

namespace loupe {
namespace {

// From the columns corners, labels and scores, which are NULL where the task shows no predictions. Boxes are
// stored in order of falling score.
std::vector<v1::PredictedBox> ShownBoxes(const pqxx::row& row) {
  std::vector<v1::PredictedBox> boxes;
  if (row["scores"].is_null()) return boxes;
  const std::vector<float> scores = FloatsOf(row["scores"]);
  const std::vector<float> corners = FloatsOf(row["corners"]);
  const std::vector<int64_t> labels = IntegersOf(row["labels"]);
  for (size_t i = 0; i < scores.size() && scores[i] >= kShownScore; ++i) {
    v1::PredictedBox& box = boxes.emplace_back();
    box.set_index(static_cast<uint32_t>(i));
    box.mutable_box()->set_x1(corners[4 * i]);
    box.mutable_box()->set_y1(corners[4 * i + 1]);
    box.mutable_box()->set_x2(corners[4 * i + 2]);
    box.mutable_box()->set_y2(corners[4 * i + 3]);
    box.set_label(static_cast<uint32_t>(labels[i]));
    box.set_score(scores[i]);
  }
  return boxes;
}

}  // namespace

std::vector<TaskId> ClaimTasks(Transaction& transaction, RankingId ranking, PrincipalId principal,
                               uint32_t count) {
  std::vector<TaskId> tasks;
  for (const auto& row :
       transaction.Exec("ClaimTasks", ranking, principal, count, absl::ToInt64Seconds(kTaskLease))) {
    tasks.push_back(IdOf<TaskId>(row[0]));
  }
  return tasks;
}

std::vector<v1::Task> ReadTasks(Transaction& transaction, const std::vector<TaskId>& tasks) {
  std::vector<v1::Task> read;
  for (const auto& row : transaction.Exec("SelectTasks", tasks)) {
    v1::Task& task = read.emplace_back();
    task.set_task_id(row["task_id"].as<int64_t>());
    task.set_lease(row["lease_number"].as<int64_t>());
    *task.mutable_lease_expires_at() = TimestampOf(row["expires_at"]);
    *task.mutable_image() = ShownImage(row);
    task.set_blind(row["blind"].as<bool>());
    for (const v1::PredictedBox& box : ShownBoxes(row)) *task.add_predictions() = box;
    *task.mutable_reason() = ReasonOf(row);
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
  locked.width = row["width"].as<uint32_t>();
  locked.height = row["height"].as<uint32_t>();
  locked.classes = row["classes"].as<uint32_t>();
  locked.shown = ShownBoxes(row);
  return locked;
}

AddedRevision SubmitCorrection(Transaction& transaction, TaskId task, bool late, uint32_t spent_ms,
                               const std::vector<NewBox>& boxes,
                               const std::vector<v1::PredictedBox>& rejections) {
  const BoxColumns kept(boxes);
  const RejectionColumns rejected(rejections);
  const pqxx::result rows = transaction.Exec(
      "SubmitCorrection", task, late, spent_ms, kept.corners, kept.labels, kept.origins, kept.ignores,
      kept.predicted, rejected.indexes, rejected.labels, rejected.scores, rejected.corners);
  const pqxx::row row = rows.at(0);
  return {IdOf<RevisionId>(row["the_revision"]), row["the_number"].as<uint32_t>(), row["is_late"].as<bool>()};
}

void EndTask(Transaction& transaction, TaskId task, LeaseNumber lease, const char* state) {
  transaction.Exec("EndTask", task, state);
  transaction.Exec("DeleteLabelLease", lease);
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

int64_t ExpireTasks(Transaction& transaction) {
  return static_cast<int64_t>(transaction.Exec("ExpireTasks").affected_rows());
}

}  // namespace loupe
