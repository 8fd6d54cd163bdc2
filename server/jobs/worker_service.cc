#include "server/jobs/worker_service.h"

#include <optional>
#include <utility>

#include "absl/time/clock.h"
#include "db/rows/message_row.h"
#include "proto/error_info.h"
#include "server/jobs/job_calls.h"

namespace loupe {
namespace {

// LeaseJob waits so long for a job; it looks again so often.
constexpr absl::Duration kLeaseWait = absl::Seconds(10);
constexpr absl::Duration kLeaseInterval = absl::Milliseconds(200);
constexpr uint32_t kRetryAfterMs = 500;
constexpr size_t kMaxWorkerName = 200;

// The answer of a method whose response says nothing.
template <typename Response>
absl::StatusOr<Response> Done(const absl::Status& status) {
  if (!status.ok()) return status;
  return Response();
}

}  // namespace

grpc::Status WorkerServiceImpl::LeaseJob(grpc::ServerContext* context, const v1::LeaseJobRequest* request,
                                         v1::LeaseJobResponse* response) {
  return calls_.Unary(context, "WorkerService.LeaseJob", request, response,
                      [&](const Call& call) { return Lease(call, *request); });
}

absl::StatusOr<v1::LeaseJobResponse> WorkerServiceImpl::Lease(const Call& call,
                                                              const v1::LeaseJobRequest& request) {
  if (request.worker().size() > kMaxWorkerName) {
    return Error(absl::StatusCode::kInvalidArgument, "INVALID_ARGUMENT",
                 "worker may have at most 200 characters");
  }
  // Answers while the client still waits.
  const absl::Time until = std::min(absl::Now() + kLeaseWait, call.deadline - 2 * kLeaseInterval);
  v1::LeaseJobResponse response;
  for (;;) {
    if (const absl::Status up = calls_.RefuseWhenDraining(); !up.ok()) return up;
    absl::StatusOr<std::optional<v1::Job>> job = LeaseNextJob(database_, call.principal.id, request);
    if (!job.ok()) return job.status();
    if (job->has_value()) {
      *response.mutable_job() = **std::move(job);
      return response;
    }
    if (absl::Now() >= until || call.cancelled()) break;
    absl::SleepFor(kLeaseInterval);
  }
  response.set_retry_after_ms(kRetryAfterMs);
  return response;
}

grpc::Status WorkerServiceImpl::Heartbeat(grpc::ServerContext* context, const v1::HeartbeatRequest* request,
                                          v1::HeartbeatResponse* response) {
  return calls_.Unary(context, "WorkerService.Heartbeat", request, response,
                      [&](const Call&) -> absl::StatusOr<v1::HeartbeatResponse> {
                        const absl::StatusOr<absl::Time> expires_at = KeepJob(database_, *request);
                        if (!expires_at.ok()) return expires_at.status();
                        v1::HeartbeatResponse answer;
                        *answer.mutable_lease_expires_at() = TimestampOf(*expires_at);
                        return answer;
                      });
}

grpc::Status WorkerServiceImpl::ReleaseJob(grpc::ServerContext* context, const v1::ReleaseJobRequest* request,
                                           v1::ReleaseJobResponse* response) {
  return calls_.Unary(context, "WorkerService.ReleaseJob", request, response, [&](const Call&) {
    return Done<v1::ReleaseJobResponse>(GiveJobBack(database_, *request));
  });
}

grpc::Status WorkerServiceImpl::SaveCheckpoint(grpc::ServerContext* context,
                                               const v1::SaveCheckpointRequest* request,
                                               v1::SaveCheckpointResponse* response) {
  return calls_.Unary(context, "WorkerService.SaveCheckpoint", request, response, [&](const Call&) {
    return Done<v1::SaveCheckpointResponse>(KeepCheckpoint(database_, blobs_, *request));
  });
}

grpc::Status WorkerServiceImpl::CompleteJob(grpc::ServerContext* context,
                                            const v1::CompleteJobRequest* request,
                                            v1::CompleteJobResponse* response) {
  return calls_.Unary(context, "WorkerService.CompleteJob", request, response, [&](const Call&) {
    return Done<v1::CompleteJobResponse>(FinishJob(database_, blobs_, *request));
  });
}

grpc::Status WorkerServiceImpl::FailJob(grpc::ServerContext* context, const v1::FailJobRequest* request,
                                        v1::FailJobResponse* response) {
  return calls_.Unary(context, "WorkerService.FailJob", request, response,
                      [&](const Call&) { return Done<v1::FailJobResponse>(LoseJob(database_, *request)); });
}

}  // namespace loupe
