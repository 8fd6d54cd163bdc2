// GET /metrics: who may read it, and what is asked of the database for it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "content/steady_clock.h"
#include "db/backlog/backlog.h"
#include "db/database.h"
#include "server/gateway/work_queue.h"
#include "server/rpc/rpc_call.h"

namespace loupe {

struct HttpConnections {
  int open = 0;
  int limit = 0;
};

class Scrapes {
 public:
  // However many ask, the database is asked once in this time.
  static constexpr absl::Duration kFresh = absl::Seconds(5);
  // A database that hasn't answered in this time counts as away.
  static constexpr absl::Duration kPatience = absl::Milliseconds(500);
  // While the database is away, a token counts that was accepted this long ago.
  static constexpr absl::Duration kKnown = absl::Hours(1);

  // All must outlive it.
  Scrapes(RpcCalls& calls, Database& database, std::function<HttpConnections()> connections);
  ~Scrapes();
  Scrapes(const Scrapes&) = delete;
  Scrapes& operator=(const Scrapes&) = delete;

  // Calls `done` once, from another thread, within a second also where the database is away, with the
  // metrics as Prometheus's text. `secret`: token, or secret of a session. False: too many wait already, and
  // `done` is dropped. Errors: UNAUTHENTICATED, PERMISSION_DENIED, UNAVAILABLE (the database is away, and the
  // token was not read before).
  bool Add(std::string secret, std::function<void(absl::StatusOr<std::string>)> done);

 private:
  class Asker;

  // Whether the caller may read; `is_up`: becomes whether the database has answered.
  absl::Status Ask(const std::string& secret, bool& is_up);
  absl::Status Refresh();
  std::string Text(bool is_up);

  RpcCalls& calls_;
  Database& database_;
  const std::function<HttpConnections()> connections_;
  absl::Mutex mutex_;
  std::optional<Backlog> backlog_ ABSL_GUARDED_BY(mutex_);  // nothing: the database didn't answer
  Stopwatch read_ ABSL_GUARDED_BY(mutex_);                  // since then
  // Tokens that were accepted, by hash; of the queue's thread alone.
  std::unordered_map<std::string, Stopwatch> known_;
  std::unique_ptr<Asker> asker_;
  std::unique_ptr<WorkQueue> queue_;
};

}  // namespace loupe
