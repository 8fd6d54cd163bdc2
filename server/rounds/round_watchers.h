// WatchRound for any number of watchers on one thread: it asks the database once a period for all of them.
#pragma once

#include <map>
#include <memory>
#include <thread>
#include <vector>

#include <grpcpp/support/server_callback.h>

#include "absl/synchronization/mutex.h"
#include "content/steady_clock.h"
#include "db/database.h"
#include "loupe/v1/round.pb.h"
#include "server/rpc/rpc_call.h"

namespace loupe {

class RoundWatchers {
 public:
  // Both must outlive it.
  RoundWatchers(RpcCalls& calls, Database& database);
  // Requires: no call is open any more.
  ~RoundWatchers();
  RoundWatchers(const RoundWatchers&) = delete;
  RoundWatchers& operator=(const RoundWatchers&) = delete;

  // Sends the round now and after every change, until it ends, the client goes away, its token is revoked or
  // the server drains. Errors: RESOURCE_EXHAUSTED (TOO_MANY_CALLS), and those of WatchRound.
  grpc::ServerWriteReactor<v1::Round>* Add(grpc::CallbackServerContext* context,
                                           const v1::WatchRoundRequest* request);

 private:
  class Watcher;
  using Watchers = std::vector<std::shared_ptr<Watcher>>;

  void Loop();
  void Pass(const Watchers& watchers);
  // Admits a new watcher and sends it the round for the first time, or ends it with the status.
  absl::Status Begin(Watcher& watcher);
  // Sends watchers what changed since they saw it.
  void SendChanges(const Watchers& watchers);
  void Forget(const Watcher* watcher);

  RpcCalls& calls_;
  Database& database_;
  Event due_;  // a watcher is new, or it stops
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<const Watcher*, std::shared_ptr<Watcher>> watchers_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace loupe
