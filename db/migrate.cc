#include "db/migrate.h"

#include <memory>
#include <unordered_map>
#include <vector>

#include <libpq-fe.h>
#include <spdlog/spdlog.h>
#include <pqxx/connection>
#include <pqxx/except>
#include <pqxx/nontransaction>
#include <pqxx/result>
#include <pqxx/transaction>

#include "absl/functional/function_ref.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "content/sha256.h"
#include "db/connection_pool.h"
#include "db/sql_error.h"
#include "db/statements.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

// The key is any number that nothing else locks.
constexpr char kLock[] = "SELECT pg_advisory_lock(7208127314)";

std::string OneLine(absl::string_view text) {
  return absl::StrReplaceAll(absl::StripAsciiWhitespace(text), {{"\n", " "}});
}

absl::Status Connected(const char* name, const std::string& url,
                       absl::FunctionRef<absl::Status(pqxx::connection&)> body) {
  try {
    pqxx::connection connection(WithTimeouts(url));
    try {
      return body(connection);
    } catch (const pqxx::insufficient_privilege& error) {
      return Error(
          absl::StatusCode::kFailedPrecondition, "NOT_THE_OWNER",
          absl::StrCat("the role of --database-url may not do this: give the tables' owner, and one that "
                       "may make roles to set a password (",
                       OneLine(error.what()), ")"));
    } catch (...) {
      return DescribeCurrentException(name, true).status;
    }
  } catch (const std::exception& error) {
    return Error(
        absl::StatusCode::kUnavailable, "DATABASE_UNAVAILABLE",
        absl::StrCat("no connection to the database: ", OneLine(error.what()), "; check --database-url"));
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

// Those files of db/functions/ whose content differs from what the database says it has.
// Requires: all migrations are applied.
std::vector<const EmbeddedFile*> OtherFunctions(pqxx::transaction_base& work) {
  std::unordered_map<std::string, std::string> hashes;  // what the database has, by file name
  for (const auto& row : work.exec("SELECT name, encode(sha256, 'hex') FROM schema_function")) {
    hashes[row[0].as<std::string>()] = row[1].as<std::string>();
  }
  std::vector<const EmbeddedFile*> others;
  for (const EmbeddedFile* file = kFunctionFiles; file->name != nullptr; ++file) {
    const auto found = hashes.find(file->name);
    if (found == hashes.end() || found->second != ToHex(HashOf(file->text))) others.push_back(file);
  }
  return others;
}

// Requires: all migrations are applied.
void ApplyFunctions(pqxx::work& work) {
  for (const EmbeddedFile* file : OtherFunctions(work)) {
    spdlog::info("replacing functions of the database: {}", file->name);
    work.exec(std::string(file->text));
    work.exec_params0(
        "INSERT INTO schema_function (name, sha256) VALUES ($1, decode($2, 'hex')) "
        "ON CONFLICT (name) DO UPDATE SET sha256 = EXCLUDED.sha256, applied_at = EXCLUDED.applied_at",
        file->name, ToHex(HashOf(file->text)));
  }
}

// What the database keeps of a password, so that the password itself comes into none of its logs.
// libpqxx 6 doesn't have it.
std::string ScramOf(const std::string& url, const char* role, const std::string& password) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(url.c_str()), PQfinish);
  const std::unique_ptr<char, decltype(&PQfreemem)> secret(
      PQencryptPasswordConn(connection.get(), password.c_str(), role, "scram-sha-256"), PQfreemem);
  if (secret == nullptr) throw pqxx::broken_connection(PQerrorMessage(connection.get()));
  return secret.get();
}

absl::Status RefuseNewer(int applied) {
  const int newest = Migrations().back().version;
  if (applied <= newest) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "NEWER_DATABASE",
               absl::StrCat("the database has migration ", applied, " and this program knows ", newest,
                            ": run the newer program"));
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
    if (const absl::Status newer = RefuseNewer(applied); !newer.ok()) return newer;
    ApplyMigrations(work, applied);
    ApplyFunctions(work);
    PlaceRestoredEvents(work);
    work.commit();
    return absl::OkStatus();
  });
}

absl::Status PrepareServiceRole(const std::string& url, const std::string& password) {
  return Connected("prepare the service role", url, [&](pqxx::connection& connection) -> absl::Status {
    pqxx::work work(connection);
    const pqxx::row known = work.exec_params1(
        "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1), rolsuper OR rolcreaterole "
        "FROM pg_roles WHERE rolname = current_user",
        kServiceRole);
    if (!known[0].as<bool>() && !known[1].as<bool>()) {
      return Error(
          absl::StatusCode::kFailedPrecondition, "NO_SERVICE_ROLE",
          absl::StrCat("there is no role ", kServiceRole,
                       ", and this one may not make it: let an administrator of the database run CREATE "
                       "ROLE ",
                       kServiceRole, " LOGIN, then do this again"));
    }
    work.exec("SELECT prepare_service_role()");
    if (!password.empty()) {
      // What is kept holds no quotation mark.
      work.exec0(absl::StrCat("ALTER ROLE ", kServiceRole, " PASSWORD '",
                              ScramOf(url, kServiceRole, password), "'"));
    }
    work.commit();
    return absl::OkStatus();
  });
}

absl::StatusOr<bool> MayMigrate(const std::string& url) {
  bool may = false;
  const absl::Status asked = Connected("find the owner", url, [&](pqxx::connection& connection) {
    may =
        pqxx::nontransaction(connection)
            .exec1(
                "SELECT coalesce((SELECT pg_has_role(relowner, 'USAGE') FROM pg_class "
                "WHERE oid = to_regclass('schema_migration')), has_schema_privilege('public', 'CREATE'))")[0]
            .as<bool>();
    return absl::OkStatus();
  });
  if (!asked.ok()) return asked;
  return may;
}

absl::Status CheckMigrated(const std::string& url) {
  return Connected("check the schema", url, [](pqxx::connection& connection) -> absl::Status {
    pqxx::nontransaction work(connection);
    const std::string kRemedy = ": run `loupe-server migrate --database-url URL` as the owner of its tables";
    const auto not_migrated = [&](const std::string& why) {
      return Error(absl::StatusCode::kFailedPrecondition, "NOT_MIGRATED", absl::StrCat(why, kRemedy));
    };
    if (work.exec1("SELECT to_regclass('schema_migration')")[0].is_null()) {
      return not_migrated("the database has none of Loupe's tables");
    }
    const pqxx::row unreadable = work.exec1(
        "SELECT coalesce(string_agg(relname, ', '), '') FROM pg_class "
        "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND NOT has_table_privilege(oid, "
        "'SELECT')");
    if (unreadable[0].size() > 0) {
      return not_migrated(
          absl::StrCat("the coordinator's role may not read the tables ", unreadable[0].c_str()));
    }
    const int applied = work.exec1("SELECT coalesce(max(version), 0) FROM schema_migration")[0].as<int>();
    if (const absl::Status newer = RefuseNewer(applied); !newer.ok()) return newer;
    if (applied < Migrations().back().version) {
      return not_migrated(absl::StrCat("the database has migration ", applied, " and this program needs ",
                                       Migrations().back().version));
    }
    if (!OtherFunctions(work).empty())
      return not_migrated("the database has the functions of another release");
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
