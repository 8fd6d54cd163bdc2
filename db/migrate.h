// Brings a database to the schema and the functions that this program was built with.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace loupe {

// Applies the missing migrations in order, then runs those files of db/functions/ whose content differs from
// what the table schema_function says the database has. All of it is one transaction. Forward only.
//
// Migrations run before functions: a migration must not need a function, and a function sees every table.
// CREATE OR REPLACE can't change a function's parameters or result: a migration drops the old one first.
// Events of a backup that was restored in another database server become readable there.
//
// When two programs have the same migrations but different functions, the one that starts last installs its
// functions.
//
// Locks: an advisory lock. When several coordinators start together, only one at a time changes the schema.
// Errors: UNAVAILABLE (no connection), FAILED_PRECONDITION (NEWER_DATABASE: the database has migrations that
// this program doesn't know), ABORTED (a deadlock with a running coordinator), INTERNAL (a migration or a
// function file failed). After an error the database is as it was before.
// Idempotent.
absl::Status Migrate(const std::string& url);

// The role that coordinators run as. It can add to the history of labels, and not change it.
inline constexpr char kServiceRole[] = "loupe_service";

// Makes the service role if there is none, and grants it what a coordinator needs
// (db/functions/service_role.sql). A password that isn't empty becomes its password. Requires: Migrate() was
// OK; `url` is that of the tables' owner. Errors: UNAVAILABLE, FAILED_PRECONDITION (NO_SERVICE_ROLE: there is
// none, and the owner may not make it), INTERNAL. Idempotent.
absl::Status PrepareServiceRole(const std::string& url, const std::string& password);

// Whether the role of `url` may migrate: it owns the tables, or there are none and it may make them.
// Errors: UNAVAILABLE, INTERNAL.
absl::StatusOr<bool> MayMigrate(const std::string& url);

// For a role that may not migrate. Errors: UNAVAILABLE, FAILED_PRECONDITION (NOT_MIGRATED: the database lacks
// migrations or functions of this program, or this role may not read all tables; NEWER_DATABASE), INTERNAL.
absl::Status CheckMigrated(const std::string& url);

// Creates the database `name` if it doesn't exist. `url` leads to another database of the same server.
// Errors: UNAVAILABLE, INTERNAL. Idempotent.
absl::Status CreateDatabase(const std::string& url, const std::string& name);

// Errors: UNAVAILABLE, INTERNAL.
absl::Status DropDatabase(const std::string& url, const std::string& name);

}  // namespace loupe
