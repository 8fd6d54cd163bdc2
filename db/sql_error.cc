#include "db/sql_error.h"

#include <atomic>
#include <cstdint>
#include <exception>
#include <string_view>

#include <spdlog/spdlog.h>
#include <pqxx/except>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

using absl::StatusCode;

// While the database is away every call fails, most of them several times: log at most one line per second.
void LogBroken(const char* name, const std::exception& error) {
  static std::atomic<int64_t> last_logged = 0;
  const int64_t now = absl::ToUnixSeconds(absl::Now());
  if (last_logged.exchange(now) != now)
    spdlog::warn("{}: the database connection broke: {}", name, error.what());
}

SqlFailure Broken(const char* name, const std::exception& error) {
  LogBroken(name, error);
  return {Error(StatusCode::kUnavailable, "DATABASE_UNAVAILABLE",
                "the coordinator has no connection to its database now: send it again in a moment"),
          Recovery::kReconnectRunAgain};
}

SqlFailure Conflict() {
  return {Error(StatusCode::kAborted, "CONFLICT", "too many requests changed the same thing: send it again"),
          Recovery::kRunAgain};
}

// Source of the codes: PostgreSQL 15, appendix A.
absl::Status FromSqlState(const char* name, const std::string& state, const std::exception& error) {
  if (state == "57014") {
    return NoAnswer();
  }
  // PostgreSQL's message names columns and values, so it goes to the log only.
  spdlog::warn("{}: SQLSTATE {}: {}", name, state, error.what());
  if (state == "23505") return Error(StatusCode::kAlreadyExists, "ALREADY_EXISTS", "it is there already");
  if (state == "23503" || state == "23001") {
    return Error(StatusCode::kFailedPrecondition, "FAILED_PRECONDITION",
                 "it belongs to something that is not there, or may not be changed");
  }
  if (state == "23514" || state.starts_with("22")) {
    return InvalidArgument("a value is outside its range");
  }
  if (state.starts_with("53")) {
    return Error(StatusCode::kResourceExhausted, "DATABASE_FULL",
                 "the database has no room or no connection left: an operator must make some");
  }
  return Error(StatusCode::kInternal, "INTERNAL",
               "the database refused a statement; the coordinator's log says why");
}

bool IsShutdown(std::string_view state) {
  return state == "57P01" || state == "57P02" || state == "57P03" || state.starts_with("08");
}

}  // namespace

absl::Status NoAnswer() {
  return Error(StatusCode::kDeadlineExceeded, "DEADLINE_EXCEEDED", "the database did not answer in time");
}

SqlFailure DescribeCurrentException(const char* name, bool connection_open) {
  try {
    throw;
  } catch (const pqxx::in_doubt_error& error) {
    return Broken(name, error);
  } catch (const pqxx::statement_completion_unknown& error) {
    return Broken(name, error);
  } catch (const pqxx::transaction_rollback&) {
    return Conflict();
  } catch (const pqxx::broken_connection& error) {
    return Broken(name, error);
  } catch (const pqxx::sql_error& error) {
    if (!connection_open || IsShutdown(error.sqlstate())) return Broken(name, error);
    return {FromSqlState(name, error.sqlstate(), error)};
  } catch (const std::exception& error) {
    if (!connection_open) return Broken(name, error);
    spdlog::error("{}: {}", name, error.what());
    return {Error(StatusCode::kInternal, "INTERNAL", "an internal error; the coordinator's log says which")};
  }
}

}  // namespace loupe
