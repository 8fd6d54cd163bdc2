// A bounded pool of connections to one database. Every connection knows all statements by name.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <pqxx/connection>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace loupe {

class PooledConnection {
 public:
  // Throws pqxx::broken_connection.
  explicit PooledConnection(const std::string& url);

  // Sets the server's statement timeout to the time left until the deadline, rounded up to a power of two of
  // milliseconds. Rounding means that most transactions find the right value set already. Throws pqxx's
  // exceptions.
  void SetStatementTimeout(absl::Time deadline);

  pqxx::connection& get() { return connection_; }

 private:
  pqxx::connection connection_;
  int64_t statement_timeout_ms_ = 0;  // 0: none
};

class ConnectionPool {
 public:
  ConnectionPool(std::string url, int max_connections) : url_(std::move(url)), free_(max_connections) {}

  // Waits until fewer than the maximum are in use; connects when none is idle. Throws
  // pqxx::broken_connection. Errors: DEADLINE_EXCEEDED.
  absl::StatusOr<std::unique_ptr<PooledConnection>> Take(absl::Time deadline);

  // Returns a connection to the pool. Call it once per Take; with null when the connection broke.
  void Give(std::unique_ptr<PooledConnection> connection);

  // Closes all idle connections: after one connection broke, the others are likely broken, too.
  void DropIdle();

 private:
  const std::string url_;
  absl::Mutex mutex_;
  int free_ ABSL_GUARDED_BY(mutex_);  // connections that may be taken: idle ones and ones not yet made
  std::vector<std::unique_ptr<PooledConnection>> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace loupe
