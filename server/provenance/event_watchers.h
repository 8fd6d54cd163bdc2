// WatchEvents for any number of watchers on one thread: it asks the database once a second for all of them
// whether anything happened, and reads a page of events for those that have sent the page before.
#pragma once

#include <map>
#include <memory>
#include <thread>
#include <vector>

#include <grpcpp/support/server_callback.h>

#include "absl/synchronization/mutex.h"
#include "content/steady_clock.h"
#include "db/database.h"
#include "loupe/v1/provenance.pb.h"
#include "server/rpc/rpc_call.h"

namespace loupe {

class EventWatchers {
 public:
  // A watcher that doesn't read keeps a page of events in memory, and nothing else.
  static constexpr int kMaxWatchersEach = 16;  // of one principal
  static constexpr int kMaxWatchers = 64;

  // Both must outlive it.
  EventWatchers(RpcCalls& calls, Database& database);
  // Requires: no call is open any more.
  ~EventWatchers();
  EventWatchers(const EventWatchers&) = delete;
  EventWatchers& operator=(const EventWatchers&) = delete;

  // Sends events as proto/loupe/v1/provenance.proto says. Errors: those of WatchEvents.
  grpc::ServerWriteReactor<v1::WatchEventsResponse>* Add(grpc::CallbackServerContext* context,
                                                         const v1::WatchEventsRequest* request);

 private:
  class Watcher;
  using Watchers = std::vector<std::shared_ptr<Watcher>>;

  void Loop();
  void Pass(const Watchers& watchers);
  // Admits a new watcher and sends it its first cursor, or ends it with the status.
  absl::Status Begin(Watcher& watcher, const Watchers& watchers);
  // Ends a watcher whose token was revoked.
  void CheckToken(Watcher& watcher);
  // Opens windows for watchers that have none.
  void FindEvents(const Watchers& watchers);
  void SendPage(Watcher& watcher);
  void Forget(const Watcher* watcher);

  RpcCalls& calls_;
  Database& database_;
  Event due_;  // a watcher is new or has sent its page, or it stops
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<const Watcher*, std::shared_ptr<Watcher>> watchers_ ABSL_GUARDED_BY(mutex_);
  Stopwatch since_find_;  // of the thread alone
  std::thread thread_;
};

}  // namespace loupe
