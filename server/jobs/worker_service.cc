#include "server/jobs/worker_service.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "db/rows/message_row.h"
#include "db/stores/image_store.h"
#include "db/stores/job_store.h"
#include "db/stores/prediction_store.h"
#include "db/stores/project_store.h"
#include "db/stores/request_store.h"
#include "db/stores/round_store.h"
#include "proto/error_info.h"
#include "recipe/recipe.h"
#include "server/jobs/found_label_errors.h"
#include "server/jobs/job_lease.h"
#include "server/jobs/trained_model.h"
#include "server/storage/unneeded_blobs.h"

namespace loupe {
namespace {

constexpr size_t kMaxFaultText = 1000;
// How often a job may fail for a reason that may pass.
constexpr int kMaxTransientFailures = 3;

bool WasCompleted(const JobRow& job, const HeldJob& held) {
  return job.state == JobState::kDone && job.ended_lease == held.lease;
}

// Requires: the locks of project, round and, unless it was completed, lease.
absl::StatusOr<v1::CompleteJobResponse> Complete(Transaction& transaction, const HeldJob& held,
                                                 const JobRow& job, const v1::CompleteJobRequest& request) {
  if (WasCompleted(job, held)) return v1::CompleteJobResponse();
  if (job.kind == v1::TRAIN) {
    const absl::Status inserted = InsertTrainedModel(transaction, job, request);
    if (!inserted.ok()) return inserted;
  } else if (job.kind == v1::FIND_LABEL_ERRORS) {
    const absl::Status inserted = TakeLabelErrors(transaction, job, request);
    if (!inserted.ok()) return inserted;
  } else if (const uint64_t left = CountImagesLeft(transaction, job); left > 0) {
    return Error(absl::StatusCode::kFailedPrecondition, "INCOMPLETE",
                 absl::StrCat(left, " images of the job are not predicted yet"));
  }
  CompleteJob(transaction, job.id, held.lease);
  AddJobLine(transaction, job.id, "job_done", " is done");
  TouchRound(transaction, job.round);
  return v1::CompleteJobResponse();
}

// `failed`: becomes the job, unless it is tried again.
absl::StatusOr<v1::FailJobResponse> FailLeasedJob(Transaction& transaction, const Call& call,
                                                  const v1::FailJobRequest& request,
                                                  std::optional<JobRow>& failed) {
  const HeldJob held = HeldBy(call, request);
  const absl::StatusOr<RoundId> round = LockLeasedRound(transaction, held);
  if (!round.ok()) return round.status();
  if (request.transient() && CountTransientFailure(transaction, held.job) < kMaxTransientFailures) {
    DeleteJobLease(transaction, held.job, held.lease);
    AddJobLine(transaction, held.job, "job_failed",
               absl::StrCat(" failed and is tried again: ", request.error()));
    TouchRound(transaction, *round);
    return v1::FailJobResponse();
  }
  failed = FindJob(transaction, held.job);
  FailJob(transaction, held.job, held.lease, request.error());
  const bool searches = failed->kind == v1::FIND_LABEL_ERRORS;
  FailRound(transaction, *round,
            searches
                ? absl::StrCat("all else is done, but the search for label errors failed: ", request.error())
                : request.error());
  return v1::FailJobResponse();
}

}  // namespace

grpc::Status WorkerServiceImpl::Heartbeat(grpc::ServerContext* context, const v1::HeartbeatRequest* request,
                                          v1::HeartbeatResponse* response) {
  constexpr char kMethod[] = "WorkerService.Heartbeat";
  using Response = absl::StatusOr<v1::HeartbeatResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) {
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) -> Response {
      const JobId job(request->job_id());
      const auto round = LockRoundOfJob(transaction, job);
      if (!round.has_value()) return LeaseEnded();
      const auto expires_at = RenewJobLease(transaction, HeldBy(call, *request));
      if (!expires_at.has_value()) return LeaseEnded();
      SetJobProgress(transaction, job, request->progress());
      TouchRound(transaction, round->first);
      v1::HeartbeatResponse renewed;
      *renewed.mutable_lease_expires_at() = TimestampOf(*expires_at);
      return renewed;
    });
  });
}

grpc::Status WorkerServiceImpl::ReleaseJob(grpc::ServerContext* context, const v1::ReleaseJobRequest* request,
                                           v1::ReleaseJobResponse* response) {
  constexpr char kMethod[] = "WorkerService.ReleaseJob";
  using Response = absl::StatusOr<v1::ReleaseJobResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) {
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) -> Response {
      const HeldJob held = HeldBy(call, *request);
      const absl::StatusOr<RoundId> round = LockLeasedRound(transaction, held);
      if (!round.ok()) return round.status();
      loupe::ReleaseJob(transaction, held.job, held.lease);
      AddJobLine(transaction, held.job, "job_released", " was given back by its worker");
      TouchRound(transaction, *round);
      return v1::ReleaseJobResponse();
    });
  });
}

grpc::Status WorkerServiceImpl::SaveCheckpoint(grpc::ServerContext* context,
                                               const v1::SaveCheckpointRequest* request,
                                               v1::SaveCheckpointResponse* response) {
  constexpr char kMethod[] = "WorkerService.SaveCheckpoint";
  using Response = absl::StatusOr<v1::SaveCheckpointResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    const std::optional<Sha256> hash = FromBytes(request->sha256());
    if (!hash.has_value() || !blobs_.Exists(*hash)) {
      return Error(absl::StatusCode::kNotFound, "NO_SUCH_BLOB",
                   "the checkpoint was not written as a blob before");
    }
    std::vector<Sha256> unneeded;
    const Response saved =
        database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) -> Response {
          const JobId job(request->job_id());
          const absl::StatusOr<RoundId> round = LockLeasedRound(transaction, HeldBy(call, *request));
          if (!round.ok()) return round.status();
          auto left = SetCheckpoint(transaction, job, *hash, request->iteration());
          if (!left.has_value()) {
            return InvalidArgument("a checkpoint's iteration must be above that of the one before");
          }
          unneeded = *std::move(left);
          AddRoundLine(transaction, *round, "checkpoint",
                       absl::StrCat("checkpoint of iteration ", request->iteration(), " saved"));
          TouchRound(transaction, *round);
          ForgetJobAttempts(transaction, job);
          return v1::SaveCheckpointResponse();
        });
    // Each has as many bytes as three models. What stays is collected later (docs/operations.md).
    if (saved.ok()) (void)EraseUnneeded(database_, blobs_, unneeded, call.deadline);
    return saved;
  });
}

grpc::Status WorkerServiceImpl::DropCheckpoint(grpc::ServerContext* context,
                                               const v1::DropCheckpointRequest* request,
                                               v1::DropCheckpointResponse* response) {
  constexpr char kMethod[] = "WorkerService.DropCheckpoint";
  using Response = absl::StatusOr<v1::DropCheckpointResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    const std::optional<Sha256> hash = FromBytes(request->sha256());
    if (!hash.has_value()) return InvalidArgument("sha256 must be 32 bytes");
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) -> Response {
      const HeldJob held = HeldBy(call, *request);
      const absl::StatusOr<RoundId> round = LockLeasedRound(transaction, held);
      if (!round.ok()) return round.status();
      loupe::DropCheckpoint(transaction, held.job, *hash);
      AddRoundLine(transaction, *round, "checkpoint",
                   "the last checkpoint could not be used and was dropped");
      return v1::DropCheckpointResponse();
    });
  });
}

grpc::Status WorkerServiceImpl::SetImageAside(grpc::ServerContext* context,
                                              const v1::SetImageAsideRequest* request,
                                              v1::SetImageAsideResponse* response) {
  constexpr char kMethod[] = "WorkerService.SetImageAside";
  using Response = absl::StatusOr<v1::SetImageAsideResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    if (request->reason().empty() || request->reason().size() > kMaxFaultText) {
      return InvalidArgument("reason must have 1 to 1000 bytes");
    }
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) -> Response {
      const JobId job(request->job_id());
      const absl::StatusOr<RoundId> round = LockLeasedRound(transaction, HeldBy(call, *request));
      if (!round.ok()) return round.status();
      const std::optional<JobRow> row = FindJob(transaction, job);
      const ImageId image(request->image_id());
      if (!FindImage(transaction, row->project, image).has_value()) {
        return Error(absl::StatusCode::kNotFound, "NO_SUCH_IMAGE",
                     absl::StrCat("there is no image ", image.value()));
      }
      loupe::SetImageAside(transaction, image, request->reason(), *round, call.principal.id);
      TouchRound(transaction, *round);
      return v1::SetImageAsideResponse();
    });
  });
}

grpc::Status WorkerServiceImpl::CompleteJob(grpc::ServerContext* context,
                                            const v1::CompleteJobRequest* request,
                                            v1::CompleteJobResponse* response) {
  constexpr char kMethod[] = "WorkerService.CompleteJob";
  using Response = absl::StatusOr<v1::CompleteJobResponse>;
  // The job as long as the lease holds, or once it was completed under it.
  const auto read = [&](Transaction& transaction, const HeldJob& held) -> absl::StatusOr<JobRow> {
    std::optional<JobRow> job = FindJob(transaction, held.job);
    if (!job.has_value() || !(WasCompleted(*job, held) || LockJobLease(transaction, held))) {
      return LeaseEnded();
    }
    return *std::move(job);
  };
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    const HeldJob held = HeldBy(call, *request);
    size_t class_count = 0;
    const absl::StatusOr<JobRow> job =
        database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
          absl::StatusOr<JobRow> found = read(transaction, held);
          if (found.ok()) class_count = ReadClassesOfJob(transaction, *found).size();
          return found;
        });
    if (!job.ok()) return job.status();
    if (job->kind == v1::TRAIN && !WasCompleted(*job, held)) {
      const absl::StatusOr<v1::Recipe> recipe = ParseStoredRecipe(job->recipe);
      if (!recipe.ok()) return recipe.status();
      const absl::Status whole = CheckTrainedWeights(blobs_, *request, recipe->detector(), class_count);
      if (!whole.ok()) return whole;
    }
    bool is_new = false;  // else it was completed before
    Response completed =
        database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) -> Response {
          LockProject(transaction, job->project);
          LockRound(transaction, job->round);
          const absl::StatusOr<JobRow> locked = read(transaction, held);
          if (!locked.ok()) return locked.status();
          is_new = !WasCompleted(*locked, held);
          return Complete(transaction, held, *locked, *request);
        });
    if (completed.ok() && is_new) calls_.metrics().JobDone(job->kind);
    return completed;
  });
}

grpc::Status WorkerServiceImpl::FailJob(grpc::ServerContext* context, const v1::FailJobRequest* request,
                                        v1::FailJobResponse* response) {
  constexpr char kMethod[] = "WorkerService.FailJob";
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) {
    std::optional<JobRow> failed;
    auto ended = database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      failed.reset();
      return FailLeasedJob(transaction, call, *request, failed);
    });
    if (ended.ok() && failed.has_value()) calls_.metrics().JobFailed(failed->kind);
    return ended;
  });
}

}  // namespace loupe
