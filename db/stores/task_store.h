// Tasks and the leases on their images.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "db/ids.h"
#include "db/rows/revision_columns.h"
#include "loupe/v1/labeling.pb.h"

namespace loupe {

class Transaction;

constexpr absl::Duration kTaskLease = absl::Minutes(10);

// Predicted boxes with lower scores are not shown to annotators.
constexpr float kShownScore = 0.3F;

// Leases the first `count` images of a ranking that nobody has, in its order, and that this principal didn't
// skip. Fewer come when it runs out. Never waits for another claim. Locks: the leases, until the transaction
// ends.
std::vector<TaskId> ClaimTasks(Transaction& transaction, RankingId ranking, PrincipalId principal,
                               uint32_t count);

// Leased tasks as annotators see them, in order of position, with all reasons.
std::vector<v1::Task> ReadTasks(Transaction& transaction, const std::vector<TaskId>& tasks);

struct LockedTask {
  PrincipalId principal;
  LeaseNumber lease;
  std::string state;   // as the schema spells it
  bool held = false;   // the lease has not ended
  uint32_t width = 0;  // of the image, in pixels
  uint32_t height = 0;
  uint32_t classes = 0;                 // labels are 1 to this
  std::vector<v1::PredictedBox> shown;  // empty on a blind task
};

// Locks: the task's row. nullopt: there is no such task.
std::optional<LockedTask> LockTask(Transaction& transaction, TaskId task);

struct Answer {
  RevisionId revision;
  uint32_t number = 0;  // within the image
  bool late = false;
};

// Appends the correction to the image's history and ends task and lease. `late`: the lease has ended; it is
// late too when the image was answered since the task was served. Requires: LockTask. Locks: the image's row.
Answer AnswerTask(Transaction& transaction, TaskId task, bool late, uint32_t spent_ms,
                  const std::vector<NewBox>& boxes, const std::vector<v1::PredictedBox>& rejections);

// Ends a task as `skipped` or `released`, and its lease. Requires: LockTask.
void EndTask(Transaction& transaction, TaskId task, LeaseNumber lease, const char* state);

struct RenewedLeases {
  absl::Time expires_at;
  std::vector<TaskId> tasks;
};

// Keeps those leases that the principal holds for another kTaskLease from now. Locks: their tasks, then them.
RenewedLeases RenewLeases(Transaction& transaction, PrincipalId principal, const std::vector<TaskId>& tasks,
                          const std::vector<LeaseNumber>& leases);

// Ends up to 1000 tasks whose leases weren't renewed. Returns how many. Locks: what it ends, without waiting.
int64_t ExpireTasks(Transaction& transaction);

}  // namespace loupe
