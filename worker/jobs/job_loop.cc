#include "worker/jobs/job_loop.h"

#include <unistd.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "client/lib/channel.h"
#include "client/lib/request_id.h"
#include "content/log_keeper.h"
#include "loupe/v1/worker.grpc.pb.h"
#include "proto/error_info.h"
#include "spdlog/spdlog.h"
#include "worker/detection/runtime.h"
#include "worker/jobs/image_cache.h"
#include "worker/jobs/job_context.h"
#include "worker/jobs/lease_keeper.h"
#include "worker/jobs/stop_signal.h"
#include "worker/prediction/device.h"
#include "worker/training/child_processes.h"

namespace loupe {
namespace {

constexpr int64_t kCacheBytes = int64_t{4} << 30U;
// The coordinator answers within 10 seconds, with a job or without.
constexpr absl::Duration kLeaseDeadline = absl::Seconds(20);
constexpr absl::Duration kPauseAfterError = absl::Seconds(2);
constexpr absl::Duration kPauseAfterFailure = absl::Seconds(10);

std::filesystem::path DefaultCacheDir() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache != '\0') {
    return std::filesystem::path(cache) / "loupe";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') {
    return std::filesystem::path(home) / ".cache" / "loupe";
  }
  return std::filesystem::temp_directory_path() / "loupe-cache";
}

std::string WorkerName() {
  char host[256] = "worker";
  gethostname(host, sizeof(host) - 1);
  return absl::StrCat(host, "/", getpid());
}

bool IsRefusal(const absl::Status& status) {
  return absl::IsUnauthenticated(status) || absl::IsPermissionDenied(status);
}

class JobLoop {
 public:
  JobLoop(Connection connection, ImageCache cache, torch::Device device, StopSignal& stop)
      : stop_(stop),
        device_(device),
        connection_(std::move(connection)),
        cache_(std::move(cache)),
        stub_(v1::WorkerService::NewStub(connection_.channel())) {}

  absl::Status Run() {
    spdlog::info("{} waits for jobs, on {}", WorkerName(), device_.str());
    while (!stop_.requested()) {
      const absl::StatusOr<v1::LeaseJobResponse> leased = LeaseJob();
      if (stop_.requested() && !leased.ok()) break;
      if (!leased.ok()) {
        if (IsRefusal(leased.status())) return leased.status();
        spdlog::warn("no answer from the coordinator: {}", std::string(leased.status().message()));
        stop_.Sleep(kPauseAfterError);
      } else if (leased->has_job()) {
        RunJob(leased->job());
      } else {
        stop_.Sleep(absl::Milliseconds(leased->retry_after_ms()));
      }
    }
    spdlog::info("{} stops", WorkerName());
    return absl::OkStatus();
  }

 private:
  // Waits for a job; a stop signal ends the wait.
  absl::StatusOr<v1::LeaseJobResponse> LeaseJob() {
    v1::LeaseJobRequest request;
    request.set_request_id(NewRequestId());
    request.set_worker(WorkerName());
    const auto context = connection_.NewContext(kLeaseDeadline);
    stop_.OnRequest([&] { context->TryCancel(); });
    v1::LeaseJobResponse response;
    const absl::Status status = FromGrpc(stub_->LeaseJob(context.get(), request, &response));
    stop_.OnRequest(nullptr);
    if (!status.ok()) return status;
    return response;
  }

  void RunJob(const v1::Job& job) {
    spdlog::info("job {}: {} of round {} of {}, {} images", job.job_id(), v1::JobKind_Name(job.kind()),
                 job.round(), job.project(), job.images());
    absl::Status status;
    {
      LeaseKeeper lease(connection_, job, stop_);
      const JobContext context = {connection_, job, lease, cache_, device_};
      const bool trains = job.kind() == v1::TRAIN || job.kind() == v1::FIND_LABEL_ERRORS;
      status = trains ? RunTrainJob(context) : RunPredictJob(context);
    }
    if (status.ok()) {
      spdlog::info("job {}: done", job.job_id());
    } else {
      ReleaseOrFail(job, status);
    }
  }

  // Releases the job when the worker is told to stop; otherwise fails it. Under a lease that has ended there
  // is nothing to do.
  void ReleaseOrFail(const v1::Job& job, const absl::Status& status) {
    spdlog::warn("job {}: {}", job.job_id(), std::string(status.message()));
    const bool lease_ended = absl::IsAborted(status) || ErrorReason(status) == "LEASE_ENDED";
    if (lease_ended) return;
    if (absl::IsCancelled(status) && stop_.requested()) {
      v1::ReleaseJobRequest request;
      request.set_job_id(job.job_id());
      request.set_lease(job.lease());
      LogError(Call(connection_, *stub_, &v1::WorkerService::Stub::ReleaseJob, request).status());
      return;
    }
    v1::FailJobRequest request;
    request.set_job_id(job.job_id());
    request.set_lease(job.lease());
    request.set_error(std::string(status.message()));
    request.set_transient(IsTransient(status));
    LogError(Call(connection_, *stub_, &v1::WorkerService::Stub::FailJob, request).status());
    // Another worker may have more luck; this one would likely fail alike now.
    if (request.transient()) stop_.Sleep(kPauseAfterFailure);
  }

  // Whether another attempt may succeed.
  static bool IsTransient(const absl::Status& status) {
    switch (status.code()) {
      case absl::StatusCode::kUnavailable:
      case absl::StatusCode::kDeadlineExceeded:
      case absl::StatusCode::kDataLoss:
      case absl::StatusCode::kResourceExhausted:
        return true;
      default:
        return false;
    }
  }

  static void LogError(const absl::Status& status) {
    if (!status.ok()) spdlog::warn("{}", std::string(status.message()));
  }

  StopSignal& stop_;
  torch::Device device_;
  Connection connection_;
  ImageCache cache_;
  std::unique_ptr<v1::WorkerService::Stub> stub_;
};

absl::Status RunOneWorker(const WorkerOptions& options, int threads) {
  const LogKeeper log(STDERR_FILENO);
  detection::ConfigureRuntime(threads);
  const absl::StatusOr<torch::Device> device = ResolveDevice(options.device, options.processes);
  if (!device.ok()) return device.status();
  absl::StatusOr<std::string> token = ReadTokenFile(options.token_file);
  if (!token.ok()) return token.status();
  absl::StatusOr<Connection> connection =
      Connect({.address = options.server, .token = *std::move(token), .ca_cert = options.ca_cert});
  if (!connection.ok()) return connection.status();
  absl::StatusOr<ImageCache> cache =
      ImageCache::Open(options.cache_dir.empty() ? DefaultCacheDir() : options.cache_dir, kCacheBytes);
  if (!cache.ok()) return cache.status();
  StopSignal stop;
  JobLoop loop(*std::move(connection), *std::move(cache), *device, stop);
  return loop.Run();
}

}  // namespace

absl::Status RunWorker(const WorkerOptions& options) {
  if (options.processes == 1) return RunOneWorker(options, 0);
  const absl::StatusOr<torch::Device> device = ResolveDevice(options.device, options.processes);
  if (!device.ok()) return device.status();
  return RunProcesses(options.processes, OnDeath::kRestart,
                      [&options](int) { return RunOneWorker(options, 1); });
}

}  // namespace loupe
