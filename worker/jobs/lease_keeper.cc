#include "worker/jobs/lease_keeper.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"

namespace loupe {
namespace {

constexpr std::chrono::seconds kInterval(10);

}  // namespace

LeaseKeeper::LeaseKeeper(const Connection& connection, const v1::Job& job, const StopSignal& stop)
    : connection_(connection), stop_(stop), job_id_(job.job_id()), lease_(job.lease()) {
  thread_ = std::thread([this] { Run(); });
}

LeaseKeeper::~LeaseKeeper() {
  {
    const std::lock_guard lock(mutex_);
    over_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

void LeaseKeeper::Report(const v1::JobProgress& progress) {
  const std::lock_guard lock(mutex_);
  progress_ = progress;
}

absl::Status LeaseKeeper::MayGoOn() const {
  if (stop_.requested()) return absl::CancelledError("the worker was told to stop");
  const std::lock_guard lock(mutex_);
  return ended_;
}

absl::Status LeaseKeeper::Beat() {
  v1::HeartbeatRequest request;
  request.set_job_id(job_id_);
  request.set_lease(lease_);
  {
    const std::lock_guard lock(mutex_);
    *request.mutable_progress() = progress_;
  }
  const auto stub = v1::WorkerService::NewStub(connection_.channel());
  return Call(connection_, *stub, &v1::WorkerService::Stub::Heartbeat, request,
              {.deadline = absl::Seconds(8), .patience = absl::ZeroDuration()})
      .status();
}

void LeaseKeeper::Run() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, kInterval, [this] { return over_; })) {
    lock.unlock();
    const absl::Status beat = Beat();
    lock.lock();
    // A coordinator that can't be reached may be back before the lease ends; one that says no is believed.
    if (beat.code() == absl::StatusCode::kFailedPrecondition || beat.code() == absl::StatusCode::kNotFound) {
      ended_ = absl::AbortedError(absl::StrCat("the lease of job ", job_id_, " has ended"));
      return;
    }
    if (!beat.ok()) spdlog::warn("heartbeat of job {}: {}", job_id_, std::string(beat.message()));
  }
}

}  // namespace loupe
