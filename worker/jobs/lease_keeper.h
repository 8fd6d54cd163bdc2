// Keeps a job's lease alive while the job runs, and tells when it is gone.
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
  // Sends a heartbeat every 10 seconds from a thread of its own until destroyed.
  // Requires: the arguments outlive it.
  LeaseKeeper(const Connection& connection, const v1::Job& job, const StopSignal& stop);
  ~LeaseKeeper();
  LeaseKeeper(const LeaseKeeper&) = delete;
  LeaseKeeper& operator=(const LeaseKeeper&) = delete;

  // What the next heartbeat reports.
  void Report(const v1::JobProgress& progress);

  // OK while the job may go on. ABORTED when the lease has ended (the round was cancelled, or too many
  // heartbeats were lost); CANCELLED when the worker is told to stop.
  absl::Status MayGoOn() const;

 private:
  void Run();
  absl::Status Beat();

  const Connection& connection_;
  const StopSignal& stop_;
  const int64_t job_id_;
  const int64_t lease_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  bool over_ = false;
  absl::Status ended_;  // why the lease is gone
  v1::JobProgress progress_;
  std::thread thread_;
};

}  // namespace loupe
