// Tasks, the leases on their images, and what people have answered.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "db/ids.h"
#include "db/rows/image_outcome.h"
#include "db/rows/revision_columns.h"
#include "loupe/v1/labeling.pb.h"

namespace loupe {

class Transaction;

constexpr absl::Duration kTaskLease = absl::Minutes(10);

// Leases the first `count` images of a ranking, in its order, that nobody holds and that this principal did
// not skip; with `skipped`, those that the principal did skip. Returns fewer when the ranking runs out. Never
// waits for another claim. Locks: the leases, until the transaction ends.
std::vector<TaskId> ClaimTasks(Transaction& transaction, RankingId ranking, PrincipalId principal,
                               uint32_t count, bool skipped);

// As ClaimTasks, of images that somebody is asked about: for a class that was added after they were labelled,
// and by RequestTasks.
std::vector<TaskId> ClaimRequested(Transaction& transaction, ProjectId project, PrincipalId principal,
                                   uint32_t count, bool skipped);

// Images that this principal skipped and that ClaimTasks or ClaimRequested may serve again.
uint64_t CountSkipped(Transaction& transaction, ProjectId project, PrincipalId principal);

// Leases an answered image to correct its truth. nullopt: somebody holds it. Requires: the image has a truth,
// and LockTruth.
std::optional<TaskId> ReopenImage(Transaction& transaction, ImageId image, PrincipalId principal);

// The principal's tasks in the project whose leases have not ended, oldest first.
std::vector<TaskId> FindOpenTasks(Transaction& transaction, ProjectId project, PrincipalId principal);

// Leased tasks in the order in which they were claimed, with the boxes that annotators see and the whole
// reason.
std::vector<v1::Task> ReadTasks(Transaction& transaction, const std::vector<TaskId>& tasks);

struct LockedTask {
  PrincipalId principal;
  LeaseNumber lease;
  std::string state;    // as the schema spells it
  bool held = false;    // whether the lease has not ended
  bool taken = false;   // whether the image was leased again after the lease had ended
  bool plants = false;  // whether errors are planted in its project
  ImageId image;
  bool blind = false;
  uint32_t width = 0;  // of the image, in pixels
  uint32_t height = 0;
  uint32_t classes = 0;                 // how many; labels are 1 to this
  std::vector<int64_t> retired;         // labels of retired classes
  std::vector<v1::PredictedBox> shown;  // empty on a blind task
  std::vector<v1::LabelBox> corrects;   // the truth that the task corrects, if the image was answered before
};

// Locks: the task's row. nullopt: there is no such task.
std::optional<LockedTask> LockTask(Transaction& transaction, TaskId task);

// A person's correction of a whole image.
struct NewCorrection {
  std::vector<NewBox> boxes;
  std::vector<v1::Outcome> outcomes;  // of the shown boxes, in their order
  bool lease_ended = false;
  uint32_t spent_ms = 0;  // 0: the coordinator measures it
  std::string client, note;
  std::vector<std::string> flags;
};

struct AddedRevision {
  RevisionId id;
  uint32_t number = 0;  // within the image, from 1
  v1::Standing standing = v1::STANDING_UNSPECIFIED;
};

// Adds a person's correction to the image's history, ends the task as answered and ends its lease. It becomes
// the truth unless the truth has changed since the task was served. Requires: LockTask. Locks: the image's
// row.
AddedRevision SubmitCorrection(Transaction& transaction, TaskId task, const NewCorrection& correction);

// Ends a task without a correction, as `skipped` or `released`, and ends its lease. Requires: LockTask.
void EndTask(Transaction& transaction, TaskId task, LeaseNumber lease, const char* state,
             const std::string& skip_reason);

struct RenewedLeases {
  absl::Time expires_at;
  std::vector<TaskId> tasks;  // those whose leases were renewed
};

// A person's last answer to an image.
struct OwnAnswer {
  RevisionId revision;
  v1::Answer answer;  // the image with all of its fields
};

// The images of the project that the principal answered and that were not removed, the last answered first:
// at most `limit`, of those whose last answer has an id below `before`. `opens_any`: whether the principal
// may open anybody's answer.
std::vector<OwnAnswer> ReadAnswers(Transaction& transaction, ProjectId project, PrincipalId principal,
                                   bool opens_any, RevisionId before, int limit);

// What the principal has done in the project, but for open tasks and skipped images.
v1::OwnWork SumWork(Transaction& transaction, ProjectId project, PrincipalId principal, absl::Time since);

// Renews the leases among `leases` that the principal still holds: they last kTaskLease from now.
// `tasks` and `leases` are parallel. Locks: the tasks, then the leases.
RenewedLeases RenewLeases(Transaction& transaction, PrincipalId principal, const std::vector<TaskId>& tasks,
                          const std::vector<LeaseNumber>& leases);

// Leases of images and jobs last no longer than they were given for, also if the clock was turned back since.
void ShortenLeases(Transaction& transaction);

// Asks for a look at each image. kind: REVIEW or ASSIGNED. target: who is to answer; none: anybody, but for a
// review the author of the truth. Problems: as RequestReviewsResponse and AssignImagesResponse say.
std::vector<ImageOutcome> RequestTasks(Transaction& transaction, ProjectId project,
                                       const std::vector<ImageId>& images, v1::TaskKind kind,
                                       PrincipalId target, const std::string& reason, PrincipalId by);

// Takes back what RequestTasks asked for. Problems: as CancelRequestsResponse says. Locks: the active
// rankings.
std::vector<ImageOutcome> CancelRequests(Transaction& transaction, ProjectId project,
                                         const std::vector<ImageId>& images);

// What was asked of people whose tokens were revoked or have expired is asked of anybody.
void FreeRequests(Transaction& transaction);

// Ends up to 1000 tasks whose leases were not renewed in time. Returns how many.
// Locks: the tasks and leases that it ends. It passes over those that somebody else has locked.
int64_t ExpireTasks(Transaction& transaction);

}  // namespace loupe
