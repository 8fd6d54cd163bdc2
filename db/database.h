// The way to run a transaction, over a bounded pool of connections.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace loupe {

class ConnectionPool;
class Transaction;

enum class Isolation { kReadCommitted, kRepeatableRead, kSerializable };

// Every transaction has a deadline: that of the call that it serves, or a time from now.
struct TransactionOptions {
  TransactionOptions(const char* transaction_name, absl::Time until,
                     Isolation level = Isolation::kReadCommitted)
      : name(transaction_name), deadline(until), isolation(level) {}
  TransactionOptions(const char* transaction_name, absl::Duration time,
                     Isolation level = Isolation::kReadCommitted)
      : TransactionOptions(transaction_name, absl::Now() + time, level) {}

  const char* name;  // for logs
  absl::Time deadline;
  Isolation isolation;
  // Whether nobody waits for the result any more: the transaction then ends soon. Called from another thread.
  std::function<bool()> gone = nullptr;
};

// Connections of this process.
struct PoolUsage {
  int in_use = 0;
  int idle = 0;
  int waiting = 0;  // who wants one
  int limit = 0;    // in use and idle together
};

class Database {
 public:
  static constexpr int kDefaultConnections = 16;
  // A later deadline is taken for this.
  static constexpr absl::Duration kLongest = absl::Minutes(10);

  // `url`: a libpq connection string or URL. The first transaction connects, not the constructor.
  explicit Database(std::string url, int max_connections = kDefaultConnections);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Runs `body(Transaction&)`, which returns absl::Status or absl::StatusOr<T>. Commits when the result is
  // OK, otherwise rolls back. Returns the body's result. `body` may run several times, so it must not keep
  // state from one run to the next. Statements end soon after the deadline; if the database doesn't answer by
  // then, its connection is cut.
  //
  // The transaction is run again at most three times, with jitter, after a serialisation failure, a deadlock,
  // a body that returned ABORTED, a broken connection, and a commit whose outcome is unknown. In the last
  // case it may have committed: what must happen once calls WithRequestId (db/stores/request_store.h) or is
  // idempotent.
  //
  // Errors: the body's; CANCELLED (options.gone), UNAVAILABLE (DATABASE_UNAVAILABLE), ALREADY_EXISTS (23505),
  // FAILED_PRECONDITION (23503, 23001), INVALID_ARGUMENT (22xxx, 23514), DEADLINE_EXCEEDED (57014, or no
  // connection came free in time), RESOURCE_EXHAUSTED (53xxx), ABORTED (still in conflict after the last
  // try), INTERNAL.
  template <typename Body>
  std::invoke_result_t<Body, Transaction&> Transact(const TransactionOptions& options, Body body) {
    using Result = std::invoke_result_t<Body, Transaction&>;
    if constexpr (std::is_same_v<Result, absl::Status>) {
      return Run(options, [&](Transaction* transaction) { return body(*transaction); });
    } else {
      Result result = absl::UnknownError("the transaction did not run");
      const absl::Status status = Run(options, [&](Transaction* transaction) -> absl::Status {
        result = body(*transaction);
        return result.status();
      });
      if (!status.ok()) return status;
      return result;
    }
  }

  // OK when the database answers. Errors: UNAVAILABLE, DEADLINE_EXCEEDED.
  absl::Status Ping(absl::Duration patience);

  PoolUsage pool_usage() const;

  // Cuts all connections, and makes no more: who waits for the database gets UNAVAILABLE.
  void Abort();

 private:
  // A pointer, since FunctionRef can't take a reference to a type that is only declared here.
  absl::Status Run(const TransactionOptions& options, absl::FunctionRef<absl::Status(Transaction*)> body);

  std::unique_ptr<ConnectionPool> pool_;
};

}  // namespace loupe
