#include "db/database.h"

#include <algorithm>
#include <cstdint>

#include <pqxx/transaction>

#include "absl/random/random.h"
#include "absl/time/clock.h"
#include "db/connection_pool.h"
#include "db/sql_error.h"
#include "db/transaction.h"

namespace loupe {
namespace {

constexpr int kMaxRepeats = 3;

std::unique_ptr<pqxx::dbtransaction> Begin(pqxx::connection& connection, Isolation isolation) {
  switch (isolation) {
    case Isolation::kReadCommitted:
      return std::make_unique<pqxx::transaction<pqxx::read_committed>>(connection);
    case Isolation::kRepeatableRead:
      return std::make_unique<pqxx::transaction<pqxx::repeatable_read>>(connection);
    case Isolation::kSerializable:
      return std::make_unique<pqxx::transaction<pqxx::serializable>>(connection);
  }
  __builtin_unreachable();
}

// Sleeps up to 10 ms before the first repetition, up to twice as long before each next one.
void Wait(int repeats) {
  thread_local absl::BitGen random;
  absl::SleepFor(absl::Milliseconds(10 << repeats) * absl::Uniform(random, 0.0, 1.0));
}

SqlFailure RunOnce(ConnectionPool& pool, const TransactionOptions& options, absl::Time deadline,
                   absl::FunctionRef<absl::Status(Transaction*)> body) {
  std::unique_ptr<PooledConnection> connection;
  SqlFailure outcome;
  try {
    auto taken = pool.Take(deadline, options.gone);
    if (!taken.ok()) return {taken.status()};
    connection = *std::move(taken);
    connection->SetStatementTimeout(deadline);
    const auto work = Begin(connection->get(), options.isolation);
    Transaction transaction(*work);
    outcome.status = body(&transaction);
    if (outcome.status.ok()) work->commit();
    if (absl::IsAborted(outcome.status)) outcome.recovery = Recovery::kRunAgain;
  } catch (...) {
    outcome = DescribeCurrentException(options.name, connection != nullptr && connection->get().is_open());
    if (connection == nullptr) return outcome;  // Take has given its place back
    if (connection->was_cut() && options.gone && options.gone()) {
      outcome = {absl::CancelledError("nobody waits for the answer any more")};
    } else if (connection->was_cut() && absl::Now() >= deadline) {
      outcome.status = NoAnswer();
    }
  }
  const bool broke = outcome.recovery == Recovery::kReconnectRunAgain;
  pool.Give(std::move(connection), /*keep=*/!broke);
  return outcome;
}

}  // namespace

Database::Database(std::string url, int max_connections)
    : pool_(std::make_unique<ConnectionPool>(std::move(url), max_connections)) {}

Database::~Database() = default;

absl::Status Database::Run(const TransactionOptions& options,
                           absl::FunctionRef<absl::Status(Transaction*)> body) {
  const absl::Time deadline = std::min(options.deadline, absl::Now() + kLongest);
  for (int repeats = 0;; ++repeats) {
    SqlFailure outcome = RunOnce(*pool_, options, deadline, body);
    if (outcome.recovery == Recovery::kGiveUp) return std::move(outcome.status);
    // All idle connections are from before the break.
    if (outcome.recovery == Recovery::kReconnectRunAgain) pool_->DropIdle();
    if (repeats == kMaxRepeats || absl::Now() >= deadline) return std::move(outcome.status);
    Wait(repeats);
  }
}

absl::Status Database::Ping(absl::Duration patience) {
  return Run({"Ping", patience}, [](Transaction* transaction) {
    transaction->Exec("Ping");
    return absl::OkStatus();
  });
}

PoolUsage Database::pool_usage() const { return pool_->usage(); }

void Database::Abort() { pool_->Abort(); }

}  // namespace loupe
