#include "db/migrate.h"

#include <spdlog/spdlog.h>
#include <pqxx/connection>
#include <pqxx/nontransaction>
#include <pqxx/transaction>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "db/sql_error.h"
#include "db/statements.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

// Any number that nothing else locks.
constexpr char kLock[] = "SELECT pg_advisory_lock(7208127314)";

absl::Status Connected(const char* name, const std::string& url,
                       absl::FunctionRef<absl::Status(pqxx::connection&)> body) {
  try {
    pqxx::connection connection(url);
    return body(connection);
  } catch (...) {
    return DescribeCurrentException(name, true).status;
  }
}

int AppliedVersion(pqxx::connection& connection) {
  pqxx::work work(connection);
  work.exec0(
      "CREATE TABLE IF NOT EXISTS schema_migration (version int PRIMARY KEY, name text NOT NULL, "
      "applied_at timestamptz NOT NULL DEFAULT now())");
  const int version = work.exec1("SELECT coalesce(max(version), 0) FROM schema_migration")[0].as<int>();
  work.commit();
  return version;
}

void Apply(pqxx::connection& connection, const Migration& migration) {
  pqxx::work work(connection);
  work.exec(std::string(migration.sql));
  work.exec_params0("INSERT INTO schema_migration (version, name) VALUES ($1, $2)", migration.version,
                    migration.name);
  work.commit();
}

}  // namespace

absl::Status Migrate(const std::string& url) {
  return Connected("migrate", url, [](pqxx::connection& connection) -> absl::Status {
    pqxx::nontransaction(connection).exec1(kLock);  // held until the connection ends
    const int applied = AppliedVersion(connection);
    const int newest = Migrations().back().version;
    if (applied > newest) {
      return Error(absl::StatusCode::kFailedPrecondition, "NEWER_DATABASE",
                   absl::StrCat("the database has migration ", applied, " and this program knows ", newest,
                                ": run the newer program"));
    }
    for (const Migration& migration : Migrations()) {
      if (migration.version <= applied) continue;
      spdlog::info("migrating the database: {}", migration.name);
      Apply(connection, migration);
    }
    return absl::OkStatus();
  });
}

absl::Status CreateDatabase(const std::string& url, const std::string& name) {
  return Connected("create database", url, [&](pqxx::connection& connection) {
    pqxx::nontransaction work(connection);
    if (work.exec_params("SELECT 1 FROM pg_database WHERE datname = $1", name).empty()) {
      work.exec0(absl::StrCat("CREATE DATABASE ", work.quote_name(name)));
    }
    return absl::OkStatus();
  });
}

absl::Status DropDatabase(const std::string& url, const std::string& name) {
  return Connected("drop database", url, [&](pqxx::connection& connection) {
    pqxx::nontransaction work(connection);
    work.exec0(absl::StrCat("DROP DATABASE IF EXISTS ", work.quote_name(name), " WITH (FORCE)"));
    return absl::OkStatus();
  });
}

}  // namespace loupe
