// A bounded pool of connections to one database. Every connection knows all statements by name.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <pqxx/connection>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "content/file_handle.h"
#include "content/steady_clock.h"
#include "db/database.h"

namespace loupe {

// The connection string with limits for a network or a server that doesn't answer. Those that it has itself
// win.
std::string WithTimeouts(const std::string& url);

class PooledConnection {
 public:
  // `url`: a libpq connection string or URL. Throws pqxx::broken_connection.
  explicit PooledConnection(const std::string& url);

  // Sets up the session. Throws pqxx's exceptions.
  void Prepare();

  // Sets the server's statement timeout to a little more than the time left until the deadline. It has few
  // values, so that most transactions find the right one set already. Throws pqxx's exceptions.
  void SetStatementTimeout(absl::Time deadline);

  // Ends whatever the connection waits for. From any thread.
  void Cut();
  bool was_cut() const { return was_cut_; }

  pqxx::connection& get() { return connection_; }

 private:
  pqxx::connection connection_;
  FileHandle socket_;  // a duplicate, which stays open when libpq closes its own
  std::atomic<bool> was_cut_ = false;
  int64_t statement_timeout_ms_ = 0;  // 0: none
};

// A thread cuts connections whose statements go on after their deadline: libpq would wait for an answer for
// ever.
class ConnectionPool {
 public:
  ConnectionPool(std::string url, int max_connections);
  ~ConnectionPool();

  // Waits until fewer than the maximum are in use; connects when none is idle. The connection is cut soon
  // after the deadline, or when `gone()` says that nobody waits; it may be null. Throws
  // pqxx::broken_connection. Errors: DEADLINE_EXCEEDED, UNAVAILABLE (after Abort).
  absl::StatusOr<std::unique_ptr<PooledConnection>> Take(absl::Time deadline,
                                                         const std::function<bool()>& gone);

  // Returns a connection to the pool. Call it once per Take. Keep it: it didn't break.
  void Give(std::unique_ptr<PooledConnection> connection, bool keep);

  // Closes all idle connections: after one connection broke, the others are likely broken, too.
  void DropIdle();

  PoolUsage usage();

  // Cuts all connections; Take gives none from now on.
  void Abort();

 private:
  // Adds a connection that is in use. Cuts it at once after Abort.
  void Watch(PooledConnection& connection, absl::Duration time, const std::function<bool()>& gone);
  void CutLate();

  const std::string url_;
  std::mutex mutex_;  // of what follows, up to in_use_
  std::condition_variable changed_;
  bool aborted_ = false;
  const int limit_;
  int waiting_ = 0;  // in Take
  int free_;         // connections that may be taken: idle ones and ones not yet made
  std::vector<std::unique_ptr<PooledConnection>> idle_;
  struct InUse {
    PooledConnection* connection;
    absl::Duration time;  // after which it is cut
    std::function<bool()> gone;
    Stopwatch used{};
  };
  std::vector<InUse> in_use_;
  Event stop_;
  std::thread watcher_;
};

}  // namespace loupe
