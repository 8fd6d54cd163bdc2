#include "db/migrate.h"

#include <unordered_map>

#include <spdlog/spdlog.h>
#include <pqxx/connection>
#include <pqxx/nontransaction>
#include <pqxx/result>
#include <pqxx/transaction>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "content/sha256.h"
#include "db/connection_pool.h"
#include "db/sql_error.h"
#include "db/statements.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

// The key is any number that nothing else locks.
constexpr char kLock[] = "SELECT pg_advisory_lock(7208127314)";

absl::Status Connected(const char* name, const std::string& url,
                       absl::FunctionRef<absl::Status(pqxx::connection&)> body) {
  try {
    pqxx::connection connection(WithTimeouts(url));
    return body(connection);
  } catch (...) {
    return DescribeCurrentException(name, true).status;
  }
}

int AppliedVersion(pqxx::work& work) {
  work.exec0(
      "CREATE TABLE IF NOT EXISTS schema_migration (version int PRIMARY KEY, name text NOT NULL, "
      "applied_at timestamptz NOT NULL DEFAULT now())");
  return work.exec1("SELECT coalesce(max(version), 0) FROM schema_migration")[0].as<int>();
}

void ApplyMigrations(pqxx::work& work, int applied) {
  for (const Migration& migration : Migrations()) {
    if (migration.version <= applied) continue;
    spdlog::info("migrating the database: {}", migration.name);
    work.exec(std::string(migration.sql));
    work.exec_params0("INSERT INTO schema_migration (version, name) VALUES ($1, $2)", migration.version,
                      migration.name);
  }
}

// Requires: all migrations are applied.
void ApplyFunctions(pqxx::work& work) {
  std::unordered_map<std::string, std::string> hashes;  // what the database has, by file name
  for (const auto& row : work.exec("SELECT name, encode(sha256, 'hex') FROM schema_function")) {
    hashes[row[0].as<std::string>()] = row[1].as<std::string>();
  }
  for (const EmbeddedFile* file = kFunctionFiles; file->name != nullptr; ++file) {
    const std::string hash = ToHex(HashOf(file->text));
    const auto found = hashes.find(file->name);
    if (found != hashes.end() && found->second == hash) continue;
    spdlog::info("replacing functions of the database: {}", file->name);
    work.exec(std::string(file->text));
    work.exec_params0(
        "INSERT INTO schema_function (name, sha256) VALUES ($1, decode($2, 'hex')) "
        "ON CONFLICT (name) DO UPDATE SET sha256 = EXCLUDED.sha256, applied_at = EXCLUDED.applied_at",
        file->name, hash);
  }
}

// A backup that was restored in another database server may hold numbers of transactions that are still to
// come there: readers of events would wait for them. They are all over: any number of the past says so.
void PlaceRestoredEvents(pqxx::work& work) {
  work.exec(
      "UPDATE event SET txid = '3' WHERE EXISTS "
      "(SELECT FROM project JOIN event later ON later.project_id = project.id "
      "WHERE later.txid >= pg_snapshot_xmax(pg_current_snapshot()))");
}

}  // namespace

absl::Status Migrate(const std::string& url) {
  return Connected("migrate", url, [](pqxx::connection& connection) -> absl::Status {
    pqxx::nontransaction(connection).exec1(kLock);  // held until the connection ends
    pqxx::work work(connection);
    const int applied = AppliedVersion(work);
    const int newest = Migrations().back().version;
    if (applied > newest) {
      return Error(absl::StatusCode::kFailedPrecondition, "NEWER_DATABASE",
                   absl::StrCat("the database has migration ", applied, " and this program knows ", newest,
                                ": run the newer program"));
    }
    ApplyMigrations(work, applied);
    ApplyFunctions(work);
    PlaceRestoredEvents(work);
    work.commit();
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
