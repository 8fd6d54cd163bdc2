#include "server/labeling/labeling_service.h"

#include <algorithm>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "db/label_errors/label_error_store.h"
#include "db/reviewers/reviewer_watch_store.h"
#include "db/rows/message_row.h"
#include "db/stores/label_store.h"
#include "db/stores/project_store.h"
#include "db/stores/ranking_store.h"
#include "db/stores/request_store.h"
#include "db/stores/task_store.h"
#include "proto/error_info.h"
#include "server/labeling/correction.h"
#include "server/labeling/labelled_image.h"
#include "server/labeling/planting.h"
#include "server/labeling/queue_growth.h"
#include "server/quality/label_error.h"
#include "server/rpc/asked_image.h"
#include "server/rpc/names.h"

namespace loupe {
namespace {

constexpr uint32_t kMaxTasks = 100;
constexpr int kMaxBoxes = 10'000;
constexpr size_t kMaxSkipReason = 500;
// Pool images that are appended at a time to a ranking that has run out.
constexpr size_t kGrowth = 1000;

// Claims up to `count` tasks: of images that are to be looked at for a new class or a second time, then of
// the active ranking. When the ranking has run out, images that it doesn't hold are appended and claimed.
absl::StatusOr<std::vector<TaskId>> Claim(Transaction& transaction, ProjectId project, PrincipalId principal,
                                          uint32_t count) {
  std::vector<TaskId> tasks = ClaimRequested(transaction, project, principal, count, /*skipped=*/false);
  const std::optional<ActiveRanking> ranking = FindActiveRanking(transaction, project);
  if (!ranking.has_value() || (count > 0 && tasks.size() == count)) return tasks;
  const auto claim = [&] {
    const auto missing = static_cast<uint32_t>(count - tasks.size());
    for (const TaskId task : ClaimTasks(transaction, ranking->id, principal, missing, /*skipped=*/false))
      tasks.push_back(task);
    return tasks.size() == count;
  };
  if (claim()) return tasks;
  const RankingEnd end = LockRankingEnd(transaction, ranking->id);
  if (claim()) return tasks;  // another call may have appended while this one waited for the lock
  const uint32_t target = ReadProject(transaction, project).holdout_target();
  const absl::StatusOr<size_t> appended =
      AppendUnranked(transaction, project, *ranking, end, target, kGrowth);
  if (!appended.ok()) return appended.status();
  if (*appended > 0) claim();
  return tasks;
}

// As Claim, with planted tasks among them. Whether there is one, it takes about as long.
absl::StatusOr<std::vector<TaskId>> ClaimForAnnotator(Transaction& transaction, Planter& planter,
                                                      ProjectId project, PrincipalId principal,
                                                      uint32_t count) {
  planter.Prepare(transaction);
  std::vector<TaskId> tasks;
  while (planter.IsOn() && tasks.size() < count) {
    const std::optional<TaskId> again = PlantAgain(transaction, project, principal, /*skipped=*/false);
    if (!again.has_value()) break;
    tasks.push_back(*again);
  }
  uint32_t ordinary = 0;  // that are still to be claimed
  const auto claim = [&]() -> absl::StatusOr<bool> {
    const auto claimed = Claim(transaction, project, principal, ordinary);
    if (!claimed.ok()) return claimed.status();
    tasks.insert(tasks.end(), claimed->begin(), claimed->end());
    return claimed->size() == std::exchange(ordinary, 0);
  };
  for (size_t place = tasks.size(); place < count; ++place) {
    if (!planter.WantsOne()) {
      ++ordinary;
      continue;
    }
    const absl::StatusOr<bool> whole = claim();
    if (!whole.ok()) return whole.status();
    if (!*whole) return tasks;  // nothing is left to plant it among
    const std::optional<TaskId> planted = planter.Plant(transaction);
    planted.has_value() ? tasks.push_back(*planted) : void(++ordinary);
  }
  if (ordinary == 0) return tasks;
  if (const absl::StatusOr<bool> whole = claim(); !whole.ok()) return whole.status();
  return tasks;
}

// Images that the principal skipped before.
std::vector<TaskId> ClaimSkipped(Transaction& transaction, ProjectId project, PrincipalId principal,
                                 uint32_t count) {
  std::vector<TaskId> tasks = ClaimRequested(transaction, project, principal, count, /*skipped=*/true);
  const std::optional<ActiveRanking> ranking = FindActiveRanking(transaction, project);
  if (!ranking.has_value() || tasks.size() == count) return tasks;
  const auto missing = static_cast<uint32_t>(count - tasks.size());
  for (const TaskId task : ClaimTasks(transaction, ranking->id, principal, missing, /*skipped=*/true)) {
    tasks.push_back(task);
  }
  while (tasks.size() < count) {
    const std::optional<TaskId> planted = PlantAgain(transaction, project, principal, /*skipped=*/true);
    if (!planted.has_value()) break;
    tasks.push_back(*planted);
  }
  return tasks;
}

// An annotator who knew the slice might label the image differently.
void HideWhyServed(v1::Task& task) {
  const uint32_t generation = task.reason().generation();
  if (task.has_reason()) {
    task.clear_reason();
    task.mutable_reason()->set_generation(generation);
  }
  task.clear_kind();
}

// To tasks that correct a truth; not to those that were served blind before a search found something.
void AddLabelErrors(Transaction& transaction, std::vector<v1::Task>& tasks) {
  std::unordered_map<int64_t, v1::Task*> shown;
  std::vector<TaskId> ids;
  for (v1::Task& task : tasks) {
    if (task.blind()) continue;
    shown.emplace(task.task_id(), &task);
    ids.emplace_back(task.task_id());
  }
  for (const ErrorOfTask& found : ReadErrorsOfTasks(transaction, ids)) {
    *shown.at(found.task.value())->add_label_errors() = found.error;
  }
}

// Tasks as the principal may see them. `served`: gets what they are, unless it is null.
std::vector<v1::Task> ReadTasksFor(Transaction& transaction, const Principal& principal,
                                   const std::vector<TaskId>& ids,
                                   std::vector<ServedTask>* served = nullptr) {
  std::vector<v1::Task> tasks = ReadTasks(transaction, ids);
  AddLabelErrors(transaction, tasks);
  for (v1::Task& task : tasks) {
    if (served != nullptr) served->push_back({task.kind(), task.reason().slice()});
    HideFromWhoLabels(principal.role, *task.mutable_image());
    if (principal.role == v1::ANNOTATOR) HideWhyServed(task);
  }
  return tasks;
}

// Errors: as LabelingService.OpenTask. Locks: the image.
absl::StatusOr<ImageId> LockAnswered(Transaction& transaction, const Principal& principal,
                                     const v1::OpenTaskRequest& request) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, request.project());
  if (!project.ok()) return project.status();
  const absl::StatusOr<v1::Image> image =
      FindAskedImage(transaction, *project, request.image_id(), request.file_name());
  std::optional<Truth> truth;
  if (image.ok()) truth = LockTruth(transaction, *project, ImageId(image->id()), principal.id);
  // An annotator doesn't learn which images there are, nor whether somebody labelled them.
  const bool is_own = truth.has_value() && (truth->author == principal.id || truth->has_planted_answer);
  if (principal.role == v1::ANNOTATOR && !is_own) {
    return Error(
        absl::StatusCode::kPermissionDenied, "FOREIGN_ANSWER",
        "no image of this name or id has an answer of yours as its truth: check it, or ask an engineer to "
        "open the image");
  }
  if (!image.ok()) return image.status();
  const std::string name = absl::StrCat("image ", image->id());
  if (truth->state != v1::USABLE) {
    return Error(absl::StatusCode::kFailedPrecondition, "IMAGE_NOT_USABLE",
                 absl::StrCat(name, " is not used: restore it first"));
  }
  if (!truth->author.has_value()) {
    return Error(absl::StatusCode::kFailedPrecondition, "NOT_LABELLED",
                 absl::StrCat(name, " has no label to correct"));
  }
  return ImageId(image->id());
}

// `served`: gets the task, if this call served it.
absl::StatusOr<v1::Task> Reopen(Transaction& transaction, const Principal& principal,
                                const v1::OpenTaskRequest& request, std::vector<ServedTask>& served) {
  const absl::StatusOr<ImageId> image = LockAnswered(transaction, principal, request);
  if (!image.ok()) return image.status();
  const std::optional<TaskId> task = ReopenImage(transaction, *image, principal.id);
  if (!task.has_value()) {
    const absl::StatusOr<ProjectId> project = FindProject(transaction, request.project());
    if (!project.ok()) return project.status();
    const auto own = FindOpenTasks(transaction, *project, principal.id);
    for (v1::Task& open : ReadTasksFor(transaction, principal, own)) {
      if (open.image().id() == image->value()) return std::move(open);
    }
    return Error(
        absl::StatusCode::kFailedPrecondition, "IMAGE_LEASED",
        absl::StrCat("image ", image->value(), " is being worked on: try again when its task has ended"));
  }
  return ReadTasksFor(transaction, principal, {*task}, &served).at(0);
}

// An expired task may still be answered.
bool HasEnded(const LockedTask& task) { return task.state != "leased" && task.state != "expired"; }

// Errors: NOT_FOUND (UNKNOWN_TASK), PERMISSION_DENIED (FOREIGN_TASK).
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
  return *std::move(task);
}

// Locks a task that this principal may end. Errors: those of LockOwnTask, FAILED_PRECONDITION (TASK_ENDED).
absl::StatusOr<LockedTask> LockOpenTask(Transaction& transaction, PrincipalId principal, TaskId id,
                                        LeaseNumber lease) {
  absl::StatusOr<LockedTask> task = LockOwnTask(transaction, principal, id, lease);
  if (!task.ok() || !HasEnded(*task)) return task;
  const bool answered = task->state == "answered";
  return Error(absl::StatusCode::kFailedPrecondition, "TASK_ENDED",
               absl::StrCat("task ", id.value(), " is ", task->state, " already: ",
                            answered ? "to correct the answer, open the image again (`loupe reopen`)"
                                     : "ask for the next one"));
}

// The answer to a planted task looks as if nobody else had answered the image.
void HidePlanted(Transaction& transaction, ImageId image, PrincipalId principal,
                 v1::SubmitResponse& response) {
  response.set_standing(v1::STANDING_TRUTH);
  response.set_revision(CountPlantedAnswers(transaction, image, principal));
}

void Count(v1::Origin origin, v1::SubmitResponse& response) {
  if (origin == v1::ACCEPTED) response.set_accepted(response.accepted() + 1);
  if (origin == v1::ADJUSTED) response.set_adjusted(response.adjusted() + 1);
  if (origin == v1::RELABELLED) response.set_relabelled(response.relabelled() + 1);
  if (origin == v1::DRAWN) response.set_drawn(response.drawn() + 1);
  if (origin == v1::COPIED) response.set_copied(response.copied() + 1);
}

// What the new truth makes of the likely errors in the one before.
void JudgeLabelErrors(Transaction& transaction, TaskId id, const LockedTask& task,
                      const std::vector<NewBox>& boxes) {
  std::vector<v1::LabelBox> after;
  for (const NewBox& box : boxes) after.push_back(box.box);
  std::vector<int64_t> decided;
  std::vector<bool> mended;
  for (const ErrorOfTask& found : ReadErrorsOfTasks(transaction, {id})) {
    decided.push_back(found.error.id());
    mended.push_back(quality::IsMended(found.error, task.corrects, after));
  }
  DecideLabelErrors(transaction, decided, mended);
}

// `stored`: becomes the answer. `plants`: whether errors are planted in the project.
absl::StatusOr<v1::SubmitResponse> TakeCorrection(Transaction& transaction, const Call& call,
                                                  const v1::SubmitRequest& request,
                                                  std::optional<StoredAnswer>& stored, bool& plants) {
  const TaskId id(request.task_id());
  const absl::StatusOr<LockedTask> task =
      LockOpenTask(transaction, call.principal.id, id, LeaseNumber(request.lease()));
  if (!task.ok()) return task.status();
  plants = task->plants;
  if (request.image_id() != 0 && ImageId(request.image_id()) != task->image) {
    return Error(absl::StatusCode::kInvalidArgument, "OTHER_IMAGE",
                 absl::StrCat("the boxes are for image ", request.image_id(), ", and task ", id.value(),
                              " is for image ", task->image.value(), ": nothing was saved"));
  }
  absl::StatusOr<CheckedCorrection> checked = CheckCorrection(request, *task);
  if (!checked.ok()) return checked.status();
  NewCorrection& correction = checked->correction;
  correction.lease_ended = !task->held || task->state == "expired";
  const AddedRevision revision = SubmitCorrection(transaction, id, correction);
  v1::SubmitResponse response;
  response.set_revision_id(revision.id.value());
  response.set_revision(revision.number);
  response.set_standing(revision.standing);
  response.set_late(correction.lease_ended || revision.standing == v1::STANDING_LATE);
  response.set_clipped(checked->clipped);
  if (revision.standing == v1::STANDING_PLANTED)
    HidePlanted(transaction, task->image, call.principal.id, response);
  stored = {revision.standing, correction.lease_ended, {}, correction.outcomes};
  for (const NewBox& box : correction.boxes) {
    Count(box.box.origin(), response);
    stored->boxes.push_back(box.box.origin());
  }
  const auto count = [&](v1::Outcome outcome) {
    return static_cast<uint32_t>(std::count(correction.outcomes.begin(), correction.outcomes.end(), outcome));
  };
  response.set_accepted_at_once(count(v1::OUTCOME_ACCEPTED_AT_ONCE));
  response.set_rejected(count(v1::OUTCOME_REJECTED));
  response.set_dropped(count(v1::OUTCOME_DROPPED));
  response.set_hidden(count(v1::OUTCOME_HIDDEN));
  const auto kept = std::count_if(request.boxes().begin(), request.boxes().end(),
                                  [](const v1::CorrectedBox& box) { return box.box_id() != 0; });
  response.set_removed(static_cast<uint32_t>(task->corrects.size() - static_cast<size_t>(kept)));
  if (revision.standing == v1::STANDING_TRUTH && !task->blind)
    JudgeLabelErrors(transaction, id, *task, correction.boxes);
  return response;
}

absl::Status SkipTask(Transaction& transaction, const Call& call, const v1::SkipRequest& request) {
  const TaskId id(request.task_id());
  const LeaseNumber lease(request.lease());
  const absl::StatusOr<LockedTask> task = LockOpenTask(transaction, call.principal.id, id, lease);
  if (!task.ok()) return task.status();
  EndTask(transaction, id, lease, "skipped", request.reason());
  return absl::OkStatus();
}

// Passes over a task that has ended, or whose image was leased again. Errors: those of LockOwnTask.
absl::Status ReleaseTask(Transaction& transaction, const Call& call, TaskId id, LeaseNumber lease) {
  const absl::StatusOr<LockedTask> task = LockOwnTask(transaction, call.principal.id, id, lease);
  if (!task.ok()) return task.status();
  if (!HasEnded(*task) && !task->taken) EndTask(transaction, id, lease, "released", "");
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
    const Stopwatch since;
    bool plants = false;
    std::vector<ServedTask> served;
    Response claimed_tasks = database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      served.clear();
      return WithRequestId<v1::NextTasksResponse>(transaction, key, [&]() -> Response {
        const absl::StatusOr<ProjectId> project = FindProject(transaction, request->project());
        if (!project.ok()) return project.status();
        const PrincipalId principal = call.principal.id;
        if (const auto reason = FindPause(transaction, *project, principal); reason.has_value()) {
          return Error(absl::StatusCode::kFailedPrecondition, "REVIEWER_PAUSED",
                       absl::StrCat("you get no more tasks of this project for now: ", *reason));
        }
        const auto claim = [&]() -> absl::StatusOr<std::vector<TaskId>> {
          if (request->skipped()) return ClaimSkipped(transaction, *project, principal, count);
          if (call.principal.role != v1::ANNOTATOR) return Claim(transaction, *project, principal, count);
          Planter planter(transaction, *project, principal);
          plants = planter.IsOn();
          return ClaimForAnnotator(transaction, planter, *project, principal, count);
        };
        const auto claimed = claim();
        if (!claimed.ok()) return claimed.status();
        v1::NextTasksResponse tasks;
        for (v1::Task& task : ReadTasksFor(transaction, call.principal, *claimed, &served)) {
          *tasks.add_tasks() = std::move(task);
        }
        if (claimed->size() < count) tasks.set_skipped_images(CountSkipped(transaction, *project, principal));
        return tasks;
      });
    });
    if (claimed_tasks.ok()) calls_.metrics().TasksServed(served);
    if (plants) AwaitStep(since);
    return claimed_tasks;
  });
}

grpc::Status LabelingServiceImpl::ListOpenTasks(grpc::ServerContext* context,
                                                const v1::ListOpenTasksRequest* request,
                                                v1::ListOpenTasksResponse* response) {
  constexpr char kMethod[] = "LabelingService.ListOpenTasks";
  using Response = absl::StatusOr<v1::ListOpenTasksResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) -> Response {
      const absl::StatusOr<ProjectId> project = FindProject(transaction, request->project());
      if (!project.ok()) return project.status();
      v1::ListOpenTasksResponse open;
      const auto ids = FindOpenTasks(transaction, *project, call.principal.id);
      for (v1::Task& task : ReadTasksFor(transaction, call.principal, ids)) {
        *open.add_tasks() = std::move(task);
      }
      return open;
    });
  });
}

grpc::Status LabelingServiceImpl::OpenTask(grpc::ServerContext* context, const v1::OpenTaskRequest* request,
                                           v1::Task* response) {
  constexpr char kMethod[] = "LabelingService.OpenTask";
  using Response = absl::StatusOr<v1::Task>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    if (const absl::Status draining = calls_.RefuseWhenDraining(); !draining.ok()) return draining;
    const RequestKey key = KeyOf(call.principal.id, kMethod, request->request_id(), *request);
    std::vector<ServedTask> served;
    Response task = database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      served.clear();
      return WithRequestId<v1::Task>(transaction, key,
                                     [&] { return Reopen(transaction, call.principal, *request, served); });
    });
    if (task.ok()) calls_.metrics().TasksServed(served);
    return task;
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
        const Stopwatch since;
        bool plants = false;
        std::optional<StoredAnswer> stored;  // nothing: the request had its answer before
        auto result = database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
          stored.reset();
          return WithRequestId<v1::SubmitResponse>(
              transaction, key, [&] { return TakeCorrection(transaction, call, *request, stored, plants); });
        });
        if (result.ok() && stored.has_value()) calls_.metrics().AnswerStored(*stored);
        if (plants && call.principal.role == v1::ANNOTATOR) AwaitStep(since);
        return result;
      });
}

grpc::Status LabelingServiceImpl::Skip(grpc::ServerContext* context, const v1::SkipRequest* request,
                                       v1::SkipResponse* response) {
  constexpr char kMethod[] = "LabelingService.Skip";
  using Response = absl::StatusOr<v1::SkipResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    if (CharacterCount(request->reason()) > kMaxSkipReason) {
      return InvalidArgument(absl::StrCat("reason has more than ", kMaxSkipReason, " characters"));
    }
    const RequestKey key = KeyOf(call.principal.id, kMethod, request->request_id(), *request);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return WithRequestId<v1::SkipResponse>(transaction, key, [&]() -> Response {
        const absl::Status skipped = SkipTask(transaction, call, *request);
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
              const absl::Status released =
                  ReleaseTask(transaction, call, TaskId(task.task_id()), LeaseNumber(task.lease()));
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

}  // namespace loupe
