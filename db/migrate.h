// Brings a database to the schema that this program was built with.
#pragma once

#include <string>

#include "absl/status/status.h"

namespace loupe {

// Applies the missing migrations in order, each in its own transaction, under an advisory lock so that
// coordinators that start together do it once. Forward only.
// Errors: UNAVAILABLE (no connection), FAILED_PRECONDITION (the database is of a newer program), INTERNAL (a
// migration failed; the ones before it stay applied).
// Idempotent.
absl::Status Migrate(const std::string& url);

// Makes the database of this name where it is missing. `url` leads to another database of the same server.
// Errors: UNAVAILABLE, INTERNAL. Idempotent.
absl::Status CreateDatabase(const std::string& url, const std::string& name);

// Errors: UNAVAILABLE, INTERNAL.
absl::Status DropDatabase(const std::string& url, const std::string& name);

}  // namespace loupe
