// The first admin's token.
#pragma once

#include <filesystem>

#include "absl/status/status.h"
#include "db/database.h"

namespace loupe {

// If there is no principal yet, creates an admin and writes its token to `file`, which only its owner can
// read. The file is complete before the token is valid. If there is a principal, does nothing. Errors:
// FAILED_PRECONDITION (the file can't be written), UNAVAILABLE.
absl::Status MakeFirstAdmin(Database& database, const std::filesystem::path& file);

}  // namespace loupe
