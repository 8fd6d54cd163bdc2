#include "db/connection_pool.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "db/statements.h"
#include "proto/error_info.h"

namespace loupe {

namespace {

// What a caller leaves out of its deadline for a database that does answer.
constexpr absl::Duration kGrace = absl::Seconds(1);
constexpr absl::Duration kWatchPeriod = absl::Milliseconds(100);
constexpr absl::Duration kPrepareTime = absl::Seconds(5);

}  // namespace

std::string WithTimeouts(const std::string& url) {
  const std::string limits =
      "connect_timeout=4 keepalives_idle=10 keepalives_interval=5 keepalives_count=3 tcp_user_timeout=15000";
  if (url.find("://") == std::string::npos) return absl::StrCat(limits, " ", url);
  const std::string parameters = absl::StrReplaceAll(limits, {{" ", "&"}});
  const size_t query = url.find('?');
  if (query == std::string::npos) return absl::StrCat(url, "?", parameters);
  return absl::StrCat(url.substr(0, query + 1), parameters, "&", url.substr(query + 1));
}

PooledConnection::PooledConnection(const std::string& url)
    : connection_(WithTimeouts(url)), socket_(dup(connection_.sock())) {}

void PooledConnection::Prepare() {
  connection_.set_variable("TimeZone", "'UTC'");
  connection_.set_variable("DateStyle", "'ISO'");
  connection_.set_variable("client_encoding", "'UTF8'");
  connection_.set_variable("bytea_output", "'hex'");
  connection_.set_variable("extra_float_digits", "1");  // a float's text reads back to the same bits
  // A statement whose connection was cut ends, too.
  connection_.set_variable("client_connection_check_interval", "'1s'");
  connection_.set_variable("jit", "off");  // compiling would take longer than any statement here runs
  // While statistics are older than the newest generation, the planner takes a merge join of tasks and images
  // for free. It then reads the images from the first one on: 70 ms instead of 0.1.
  connection_.set_variable("enable_mergejoin", "off");
  // libpqxx sends a statement to the server when it is first used.
  for (const Statement& statement : Statements()) connection_.prepare(statement.name, statement.sql);
}

void PooledConnection::SetStatementTimeout(absl::Time deadline) {
  const int64_t left_ms = std::clamp<int64_t>(absl::ToInt64Milliseconds(deadline - absl::Now()), 1, 1 << 30);
  // Rounded up to one of 16 steps between a power of two and the next.
  const int64_t step = std::max<int64_t>(std::bit_floor(static_cast<uint64_t>(left_ms)) / 16, 1);
  const int64_t timeout_ms = (left_ms + step - 1) / step * step;
  if (timeout_ms == statement_timeout_ms_) return;
  connection_.set_variable("statement_timeout", std::to_string(timeout_ms));
  statement_timeout_ms_ = timeout_ms;
}

void PooledConnection::Cut() {
  was_cut_ = true;
  shutdown(socket_.get(), SHUT_RDWR);
}

ConnectionPool::ConnectionPool(std::string url, int max_connections)
    : url_(std::move(url)),
      limit_(max_connections),
      free_(max_connections),
      watcher_([this] { CutLate(); }) {}

ConnectionPool::~ConnectionPool() {
  stop_.Set();
  watcher_.join();
}

absl::StatusOr<std::unique_ptr<PooledConnection>> ConnectionPool::Take(absl::Time deadline,
                                                                       const std::function<bool()>& gone) {
  // A statement may take a little longer than its deadline before it ends by itself: SetStatementTimeout.
  const absl::Duration left = deadline - absl::Now();
  const absl::Duration time = left + left / 8 + kGrace;
  {
    std::unique_lock lock(mutex_);
    const auto is_free = [this] { return free_ > 0 || aborted_; };
    ++waiting_;
    const bool may_take = changed_.wait_for(lock, absl::ToChronoNanoseconds(left), is_free);
    --waiting_;
    if (!may_take) {
      return Error(absl::StatusCode::kDeadlineExceeded, "BUSY",
                   "no database connection became free in time: the coordinator is overloaded");
    }
    if (aborted_) {
      return Error(absl::StatusCode::kUnavailable, "SHUTTING_DOWN",
                   "the coordinator is shutting down: send the request again later");
    }
    --free_;
    if (!idle_.empty()) {
      std::unique_ptr<PooledConnection> connection = std::move(idle_.back());
      idle_.pop_back();
      in_use_.push_back({connection.get(), time, gone});
      return connection;
    }
  }
  std::unique_ptr<PooledConnection> connection;
  try {
    connection = std::make_unique<PooledConnection>(url_);
    Watch(*connection, std::min(time, kPrepareTime), nullptr);
    connection->Prepare();
    Watch(*connection, time, gone);
    return connection;
  } catch (...) {
    Give(std::move(connection), /*keep=*/false);
    throw;
  }
}

void ConnectionPool::Watch(PooledConnection& connection, absl::Duration time,
                           const std::function<bool()>& gone) {
  const std::lock_guard lock(mutex_);
  std::erase_if(in_use_, [&](const InUse& one) { return one.connection == &connection; });
  in_use_.push_back({&connection, time, gone});
  if (aborted_) connection.Cut();
}

void ConnectionPool::Give(std::unique_ptr<PooledConnection> connection, bool keep) {
  const std::lock_guard lock(mutex_);
  ++free_;
  changed_.notify_one();
  std::erase_if(in_use_, [&](const InUse& one) { return one.connection == connection.get(); });
  if (keep && !connection->was_cut()) idle_.push_back(std::move(connection));
}

void ConnectionPool::DropIdle() {
  std::vector<std::unique_ptr<PooledConnection>> dropped;
  const std::lock_guard lock(mutex_);
  dropped.swap(idle_);
}

PoolUsage ConnectionPool::usage() {
  const std::lock_guard lock(mutex_);
  return {limit_ - free_, static_cast<int>(idle_.size()), waiting_, limit_};
}

void ConnectionPool::Abort() {
  const std::lock_guard lock(mutex_);
  aborted_ = true;
  changed_.notify_all();
  for (const InUse& one : in_use_) one.connection->Cut();
}

void ConnectionPool::CutLate() {
  while (!stop_.WaitFor(kWatchPeriod)) {
    const std::lock_guard lock(mutex_);
    for (const InUse& one : in_use_) {
      if (one.connection->was_cut()) continue;
      if (one.used.Elapsed() > one.time || (one.gone && one.gone())) one.connection->Cut();
    }
  }
}

}  // namespace loupe
