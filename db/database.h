// A bounded pool of connections, and the one way to run a transaction.
#pragma once

#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace loupe {

class ConnectionPool;
class Transaction;

enum class Isolation { kReadCommitted, kRepeatableRead, kSerializable };

struct TransactionOptions {
  // NOLINTNEXTLINE(google-explicit-constructor): a name alone is the common case.
  TransactionOptions(const char* transaction_name) : name(transaction_name) {}
  TransactionOptions(const char* transaction_name, absl::Time until,
                     Isolation level = Isolation::kReadCommitted)
      : name(transaction_name), deadline(until), isolation(level) {}

  const char* name;  // for logs
  absl::Time deadline = absl::InfiniteFuture();
  Isolation isolation = Isolation::kReadCommitted;
};

class Database {
 public:
  static constexpr int kDefaultConnections = 16;

  // `url`: a libpq connection string or URL. Connects with the first transaction, not here.
  explicit Database(std::string url, int max_connections = kDefaultConnections);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Runs `body(Transaction&)`, which returns absl::Status or absl::StatusOr<T>, and commits when it is OK;
  // otherwise everything it did is undone and its status returned. `body` may run several times, so it keeps
  // nothing from one run to the next. Statements end at the deadline (within a factor of two).
  //
  // Run again, at most three times after the first, with jitter: serialisation failures, deadlocks, a body
  // that returned ABORTED, a connection that broke, and a commit whose outcome is unknown. The last may have
  // committed: whatever must happen once goes through WithRequestId (db/stores/request_store.h) or is
  // idempotent.
  //
  // Errors: the body's; UNAVAILABLE (DATABASE_UNAVAILABLE), ALREADY_EXISTS (23505), FAILED_PRECONDITION
  // (23503, 23001), INVALID_ARGUMENT (22xxx, 23514), DEADLINE_EXCEEDED (57014, or no connection came free in
  // time), RESOURCE_EXHAUSTED (53xxx), ABORTED (still in conflict after the last try), INTERNAL.
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

  // Whether a connection can be had now. Errors: UNAVAILABLE.
  absl::Status Ping();

 private:
  // A pointer, since FunctionRef takes no reference to a type that is only declared here.
  absl::Status Run(const TransactionOptions& options, absl::FunctionRef<absl::Status(Transaction*)> body);

  std::unique_ptr<ConnectionPool> pool_;
};

}  // namespace loupe
