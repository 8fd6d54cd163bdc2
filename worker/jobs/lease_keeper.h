// Renews a job's lease while the job runs, and tells when it has ended.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "absl/status/status.h"
#include "client/lib/channel.h"
#include "loupe/v1/worker.grpc.pb.h"
#include "worker/jobs/stop_signal.h"

namespace loupe {

class LeaseKeeper {
 public:
  // Renews the lease every 10 seconds, from a thread of its own, until destroyed.
  // Requires: the arguments outlive it.
  LeaseKeeper(const Connection& connection, const v1::Job& job, const StopSignal& stop);
  ~LeaseKeeper();
  LeaseKeeper(const LeaseKeeper&) = delete;
  LeaseKeeper& operator=(const LeaseKeeper&) = delete;

  // The progress that the next renewal reports.
  void Report(const v1::JobProgress& progress);

  // Reports it at once; whether that arrives doesn't matter.
  void ReportLast();

  // OK while the job may go on. ABORTED when the lease has ended (it expired, or the round was cancelled);
  // CANCELLED when the worker is told to stop.
  absl::Status MayGoOn() const;

 private:
  void Run();
  absl::Status Renew();

  const Connection& connection_;
  const StopSignal& stop_;
  const int64_t job_id_;
  const int64_t lease_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool over_ = false;
  absl::Status ended_;  // not OK: why the lease has ended
  v1::JobProgress progress_;
  std::thread thread_;
};

}  // namespace loupe
