// The token with which everything begins.
#pragma once

#include <filesystem>

#include "absl/status/status.h"
#include "db/database.h"

namespace loupe {

// Where nobody may come in yet, makes an admin and writes the token to `file`, readable by its owner alone.
// The file is whole before the token counts. Otherwise changes nothing. Errors: FAILED_PRECONDITION (the file
// can't be written), UNAVAILABLE.
absl::Status MakeFirstAdmin(Database& database, const std::filesystem::path& file);

}  // namespace loupe
