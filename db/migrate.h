// Brings a database to the schema and the functions that this program was built with.
#pragma once

#include <string>

#include "absl/status/status.h"

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

// Creates the database `name` if it doesn't exist. `url` leads to another database of the same server.
// Errors: UNAVAILABLE, INTERNAL. Idempotent.
absl::Status CreateDatabase(const std::string& url, const std::string& name);

// Errors: UNAVAILABLE, INTERNAL.
absl::Status DropDatabase(const std::string& url, const std::string& name);

}  // namespace loupe
