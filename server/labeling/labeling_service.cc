#include "server/labeling/labeling_service.h"

#include <algorithm>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "db/rows/message_row.h"
#include "db/stores/project_store.h"
#include "db/stores/ranking_store.h"
#include "db/stores/request_store.h"
#include "db/stores/task_store.h"
#include "proto/error_info.h"
#include "server/labeling/correction.h"
#include "server/labeling/queue_growth.h"
#include "server/rpc/paging.h"

namespace loupe {
namespace {

constexpr uint32_t kMaxTasks = 100;
constexpr int kMaxBoxes = 10'000;
// Pool images that are appended at a time to a ranking that has run out.
constexpr size_t kGrowth = 1000;

// Claims up to `count` tasks of the active ranking. When the ranking has run out, images that it doesn't hold
// are appended and claimed.
absl::StatusOr<std::vector<TaskId>> Claim(Transaction& transaction, const std::string& project_name,
                                          PrincipalId principal, uint32_t count) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, project_name);
  if (!project.ok()) return project.status();
  const std::optional<ActiveRanking> ranking = FindActiveRanking(transaction, *project);
  if (!ranking.has_value()) return std::vector<TaskId>();
  std::vector<TaskId> tasks;
  const auto claim = [&] {
    const auto missing = static_cast<uint32_t>(count - tasks.size());
    for (const TaskId task : ClaimTasks(transaction, ranking->id, principal, missing)) tasks.push_back(task);
    return tasks.size() == count;
  };
  if (claim()) return tasks;
  const RankingEnd end = LockRankingEnd(transaction, ranking->id);
  if (claim()) return tasks;  // another call may have appended while this one waited for the lock
  const uint32_t target = ReadProject(transaction, *project).holdout_target();
  const absl::StatusOr<size_t> appended =
      AppendUnranked(transaction, *project, *ranking, end, target, kGrowth);
  if (!appended.ok()) return appended.status();
  if (*appended > 0) claim();
  return tasks;
}

// An annotator who knew the slice, or that an image belongs to the holdout, might label it differently.
void HideWhyServed(v1::Task& task) {
  const uint32_t generation = task.reason().generation();
  task.clear_reason();
  task.mutable_reason()->set_generation(generation);
  task.mutable_image()->clear_side();
  task.mutable_image()->clear_sampling_key();
}

// Locks a task that this principal may end. Errors: NOT_FOUND (UNKNOWN_TASK), PERMISSION_DENIED
// (FOREIGN_TASK), FAILED_PRECONDITION (TASK_ENDED).
absl::StatusOr<LockedTask> LockOwnTask(Transaction& transaction, PrincipalId principal, TaskId id,
                                       LeaseNumber lease) {
  std::optional<LockedTask> task = LockTask(transaction, id);
  if (task.has_value() && task->principal != principal) {
    return Error(absl::StatusCode::kPermissionDenied, "FOREIGN_TASK",
                 absl::StrCat("task ", id.value(), " was given to somebody else"));
  }
  if (!task.has_value() || task->lease != lease) {
    return Error(absl::StatusCode::kNotFound, "UNKNOWN_TASK",
                 absl::StrCat("there is no task ", id.value(), " with the lease ", lease.value()));
  }
  if (task->state != "leased" && task->state != "expired") {
    return Error(absl::StatusCode::kFailedPrecondition, "TASK_ENDED",
                 absl::StrCat("task ", id.value(), " is ", task->state, " already: ask for the next one"));
  }
  return *std::move(task);
}

absl::StatusOr<v1::SubmitResponse> TakeCorrection(Transaction& transaction, const Call& call,
                                                  const v1::SubmitRequest& request) {
  const TaskId id(request.task_id());
  const absl::StatusOr<LockedTask> task =
      LockOwnTask(transaction, call.principal.id, id, LeaseNumber(request.lease()));
  if (!task.ok()) return task.status();
  const absl::StatusOr<CheckedCorrection> correction =
      CheckCorrection(request.boxes(), task->shown, {task->width, task->height, task->classes});
  if (!correction.ok()) return correction.status();
  const uint32_t spent_ms = std::min<uint32_t>(request.spent_ms(), std::numeric_limits<int32_t>::max());
  const bool late = !task->held || task->state == "expired";
  const AddedRevision revision =
      SubmitCorrection(transaction, id, late, spent_ms, correction->boxes, correction->rejections);
  v1::SubmitResponse response;
  response.set_revision_id(revision.id.value());
  response.set_revision(revision.number);
  response.set_late(revision.late);
  response.set_accepted(correction->accepted);
  response.set_adjusted(correction->adjusted);
  response.set_relabelled(correction->relabelled);
  response.set_drawn(correction->drawn);
  response.set_rejected(static_cast<uint32_t>(correction->rejections.size()));
  return response;
}

// Ends a task without a correction. `state`: skipped or released.
absl::Status EndOwnTask(Transaction& transaction, const Call& call, TaskId id, LeaseNumber lease,
                        const char* state) {
  const absl::StatusOr<LockedTask> task = LockOwnTask(transaction, call.principal.id, id, lease);
  if (!task.ok()) return task.status();
  EndTask(transaction, id, lease, state);
  return absl::OkStatus();
}

}  // namespace

grpc::Status LabelingServiceImpl::NextTasks(grpc::ServerContext* context, const v1::NextTasksRequest* request,
                                            v1::NextTasksResponse* response) {
  constexpr char kMethod[] = "LabelingService.NextTasks";
  using Response = absl::StatusOr<v1::NextTasksResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    if (request->count() > kMaxTasks) {
      return InvalidArgument(absl::StrCat("count must be within 1 and ", kMaxTasks));
    }
    if (const absl::Status draining = calls_.RefuseWhenDraining(); !draining.ok()) return draining;
    const uint32_t count = std::max(request->count(), 1U);
    const RequestKey key = KeyOf(call.principal.id, kMethod, request->request_id(), *request);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return WithRequestId<v1::NextTasksResponse>(transaction, key, [&]() -> Response {
        const auto claimed = Claim(transaction, request->project(), call.principal.id, count);
        if (!claimed.ok()) return claimed.status();
        v1::NextTasksResponse tasks;
        for (v1::Task& task : ReadTasks(transaction, *claimed)) {
          if (call.principal.role == v1::ANNOTATOR) HideWhyServed(task);
          *tasks.add_tasks() = std::move(task);
        }
        return tasks;
      });
    });
  });
}

grpc::Status LabelingServiceImpl::Submit(grpc::ServerContext* context, const v1::SubmitRequest* request,
                                         v1::SubmitResponse* response) {
  constexpr char kMethod[] = "LabelingService.Submit";
  return calls_.Unary(
      context, kMethod, request, response, [&](const Call& call) -> absl::StatusOr<v1::SubmitResponse> {
        if (request->boxes_size() > kMaxBoxes) {
          return Error(absl::StatusCode::kInvalidArgument, "BAD_BOX",
                       absl::StrCat("an image has at most ", kMaxBoxes, " boxes"));
        }
        const RequestKey key = KeyOf(call.principal.id, kMethod, request->request_id(), *request);
        return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
          return WithRequestId<v1::SubmitResponse>(
              transaction, key, [&] { return TakeCorrection(transaction, call, *request); });
        });
      });
}

grpc::Status LabelingServiceImpl::Skip(grpc::ServerContext* context, const v1::SkipRequest* request,
                                       v1::SkipResponse* response) {
  constexpr char kMethod[] = "LabelingService.Skip";
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) {
    const RequestKey key = KeyOf(call.principal.id, kMethod, request->request_id(), *request);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return WithRequestId<v1::SkipResponse>(transaction, key, [&]() -> absl::StatusOr<v1::SkipResponse> {
        const absl::Status skipped = EndOwnTask(transaction, call, TaskId(request->task_id()),
                                                LeaseNumber(request->lease()), "skipped");
        if (!skipped.ok()) return skipped;
        return v1::SkipResponse();
      });
    });
  });
}

grpc::Status LabelingServiceImpl::Release(grpc::ServerContext* context, const v1::ReleaseRequest* request,
                                          v1::ReleaseResponse* response) {
  constexpr char kMethod[] = "LabelingService.Release";
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) {
    const RequestKey key = KeyOf(call.principal.id, kMethod, request->request_id(), *request);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return WithRequestId<v1::ReleaseResponse>(
          transaction, key, [&]() -> absl::StatusOr<v1::ReleaseResponse> {
            for (const v1::TaskLease& task : request->tasks()) {
              const absl::Status released = EndOwnTask(transaction, call, TaskId(task.task_id()),
                                                       LeaseNumber(task.lease()), "released");
              if (!released.ok()) return released;
            }
            return v1::ReleaseResponse();
          });
    });
  });
}

grpc::Status LabelingServiceImpl::Renew(grpc::ServerContext* context, const v1::RenewRequest* request,
                                        v1::RenewResponse* response) {
  constexpr char kMethod[] = "LabelingService.Renew";
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) {
    std::vector<TaskId> tasks;
    std::vector<LeaseNumber> leases;
    for (const v1::TaskLease& task : request->tasks()) {
      tasks.emplace_back(task.task_id());
      leases.emplace_back(task.lease());
    }
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      const RenewedLeases renewed = RenewLeases(transaction, call.principal.id, tasks, leases);
      v1::RenewResponse renewal;
      *renewal.mutable_lease_expires_at() = TimestampOf(renewed.expires_at);
      const std::set<TaskId> held(renewed.tasks.begin(), renewed.tasks.end());
      for (const TaskId task : tasks) {
        if (!held.contains(task)) renewal.add_ended_task_ids(task.value());
      }
      return absl::StatusOr<v1::RenewResponse>(std::move(renewal));
    });
  });
}

grpc::Status LabelingServiceImpl::ListQueue(grpc::ServerContext* context, const v1::ListQueueRequest* request,
                                            v1::ListQueueResponse* response) {
  constexpr char kMethod[] = "LabelingService.ListQueue";
  using Response = absl::StatusOr<v1::ListQueueResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    const absl::StatusOr<int64_t> from = PageStart(request->page_token());
    if (!from.ok()) return from.status();
    const int limit = PageSize(request->page_size(), 100, 10'000);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) -> Response {
      const absl::StatusOr<ProjectId> project = FindProject(transaction, request->project());
      if (!project.ok()) return project.status();
      v1::ListQueueResponse page;
      for (v1::QueueEntry& entry : ReadQueue(transaction, *project, static_cast<uint64_t>(*from), limit)) {
        *page.add_entries() = std::move(entry);
      }
      if (page.entries_size() == limit) {
        page.set_next_page_token(absl::StrCat(page.entries(limit - 1).reason().position() + 1));
      }
      return page;
    });
  });
}

}  // namespace loupe
