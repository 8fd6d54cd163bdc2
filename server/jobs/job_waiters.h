// LeaseJob for any number of workers on one thread: it looks for jobs once a period for all of them.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <thread>

#include <grpcpp/support/server_callback.h>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "content/steady_clock.h"
#include "db/database.h"
#include "db/stores/principal_store.h"
#include "loupe/v1/worker.pb.h"
#include "server/rpc/rpc_call.h"

namespace loupe {

class JobWaiters {
 public:
  // Both must outlive it.
  JobWaiters(RpcCalls& calls, Database& database);
  // Requires: no call is open any more.
  ~JobWaiters();
  JobWaiters(const JobWaiters&) = delete;
  JobWaiters& operator=(const JobWaiters&) = delete;

  // Answers with the next job, or after some seconds without one. Who came first is served first. Errors:
  // RESOURCE_EXHAUSTED (TOO_MANY_CALLS), and those of LeaseJob.
  grpc::ServerUnaryReactor* Add(grpc::CallbackServerContext* context, const v1::LeaseJobRequest* request,
                                v1::LeaseJobResponse* response);

 private:
  struct Waiter {
    OpenCall call;
    grpc::CallbackServerContext* context = nullptr;
    const v1::LeaseJobRequest* request = nullptr;
    v1::LeaseJobResponse* response = nullptr;
    grpc::ServerUnaryReactor* reactor = nullptr;
    absl::Duration wait{};  // after which it is answered without a job
    bool is_new = true;
    Principal principal{};
  };

  void Loop();
  // Answers those that can be answered, and returns the others.
  std::list<Waiter> Pass(std::list<Waiter> waiters);
  // Whether the call has ended. `has_free`: becomes false when no job is free. `down`: is set when the
  // database doesn't answer.
  bool Serve(Waiter& waiter, bool& has_free, absl::Status& down);
  static void End(const Waiter& waiter, const absl::Status& status);

  RpcCalls& calls_;
  Database& database_;
  Event due_;  // a waiter is new, or it stops
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  size_t open_ ABSL_GUARDED_BY(mutex_) = 0;
  std::list<Waiter> new_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace loupe
