// Files that hold a token.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/status.h"

namespace loupe {

// Writes the secret and a line end to a new file, mode 0600,
// under a temporary name first. Errors: ALREADY_EXISTS, FAILED_PRECONDITION (can't be written).
absl::Status WriteSecretFile(const std::filesystem::path& path, const std::string& secret);

}  // namespace loupe
