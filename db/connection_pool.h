// Connections to one database, at most so many, each with all statements known by name.
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

  // The server ends a statement that runs longer than what is left until the deadline, rounded up to a power
  // of two of milliseconds, so that most transactions find it set already. Throws pqxx's exceptions.
  void SetStatementTimeout(absl::Time deadline);

  pqxx::connection& get() { return connection_; }

 private:
  pqxx::connection connection_;
  int64_t statement_timeout_ms_ = 0;  // 0: none
};

class ConnectionPool {
 public:
  ConnectionPool(std::string url, int max_connections) : url_(std::move(url)), free_(max_connections) {}

  // Waits for a connection; makes one when none is idle. Throws pqxx::broken_connection.
  // Errors: DEADLINE_EXCEEDED.
  absl::StatusOr<std::unique_ptr<PooledConnection>> Take(absl::Time deadline);

  // Every connection that was taken comes back; null when it broke.
  void Give(std::unique_ptr<PooledConnection> connection);

  // Closes what is idle: the server went away, and all of it with it.
  void DropIdle();

 private:
  const std::string url_;
  absl::Mutex mutex_;
  int free_ ABSL_GUARDED_BY(mutex_);  // connections that may still be made or are idle
  std::vector<std::unique_ptr<PooledConnection>> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace loupe
