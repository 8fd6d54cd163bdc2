#include "db/connection_pool.h"

#include <algorithm>
#include <bit>

#include "absl/time/clock.h"
#include "db/statements.h"
#include "proto/error_info.h"

namespace loupe {

PooledConnection::PooledConnection(const std::string& url) : connection_(url) {
  connection_.set_variable("TimeZone", "'UTC'");
  connection_.set_variable("DateStyle", "'ISO'");
  connection_.set_variable("client_encoding", "'UTF8'");
  connection_.set_variable("jit", "off");  // compiling would take longer than any statement here runs
  // While statistics are older than the newest generation, the planner takes a merge join of tasks and images
  // for free. It then reads the images from the first one on: 70 ms instead of 0.1.
  connection_.set_variable("enable_mergejoin", "off");
  // libpqxx sends a statement to the server when it is first used.
  for (const Statement& statement : Statements()) connection_.prepare(statement.name, statement.sql);
}

void PooledConnection::SetStatementTimeout(absl::Time deadline) {
  int64_t timeout_ms = 0;
  if (deadline != absl::InfiniteFuture()) {
    const int64_t left_ms =
        std::clamp<int64_t>(absl::ToInt64Milliseconds(deadline - absl::Now()), 1, 1 << 30);
    timeout_ms = static_cast<int64_t>(std::bit_ceil(static_cast<uint64_t>(left_ms)));
  }
  if (timeout_ms == statement_timeout_ms_) return;
  connection_.set_variable("statement_timeout", std::to_string(timeout_ms));
  statement_timeout_ms_ = timeout_ms;
}

absl::StatusOr<std::unique_ptr<PooledConnection>> ConnectionPool::Take(absl::Time deadline) {
  {
    absl::MutexLock lock(&mutex_);
    const auto is_free = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return free_ > 0; };
    if (!mutex_.AwaitWithDeadline(absl::Condition(&is_free), deadline)) {
      return Error(absl::StatusCode::kDeadlineExceeded, "BUSY",
                   "no database connection became free in time: the coordinator is overloaded");
    }
    --free_;
    if (!idle_.empty()) {
      std::unique_ptr<PooledConnection> connection = std::move(idle_.back());
      idle_.pop_back();
      return connection;
    }
  }
  try {
    return std::make_unique<PooledConnection>(url_);
  } catch (...) {
    Give(nullptr);
    throw;
  }
}

void ConnectionPool::Give(std::unique_ptr<PooledConnection> connection) {
  absl::MutexLock lock(&mutex_);
  ++free_;
  if (connection != nullptr) idle_.push_back(std::move(connection));
}

void ConnectionPool::DropIdle() {
  std::vector<std::unique_ptr<PooledConnection>> dropped;
  absl::MutexLock lock(&mutex_);
  dropped.swap(idle_);
}

}  // namespace loupe
