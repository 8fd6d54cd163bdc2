#include "worker/jobs/lease_keeper.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "spdlog/spdlog.h"

namespace loupe {
namespace {

// The first heartbeat comes soon, so that whoever watches sees that the job began.
constexpr std::chrono::seconds kFirstInterval(2);
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

void LeaseKeeper::ReportLast() { (void)Renew(); }

absl::Status LeaseKeeper::MayGoOn() const {
  if (stop_.requested()) return absl::CancelledError("the worker was told to stop");
  const std::lock_guard lock(mutex_);
  return ended_;
}

absl::Status LeaseKeeper::Renew() {
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
  std::chrono::seconds interval = kFirstInterval;
  while (!wake_.wait_for(lock, interval, [this] { return over_; })) {
    interval = kInterval;
    lock.unlock();
    const absl::Status renewed = Renew();
    lock.lock();
    // Only an answer ends the lease: a coordinator that can't be reached may be back before it expires.
    if (renewed.code() == absl::StatusCode::kFailedPrecondition ||
        renewed.code() == absl::StatusCode::kNotFound) {
      ended_ = absl::AbortedError(absl::StrCat("the lease of job ", job_id_, " has ended"));
      return;
    }
    if (!renewed.ok())
      spdlog::warn("can't renew the lease of job {}: {}", job_id_, std::string(renewed.message()));
  }
}

}  // namespace loupe
