// Files that hold a token.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/status.h"

namespace loupe {

// Writes the secret and a line feed to a new file of mode 0600. The file appears complete or not at all.
// Errors: ALREADY_EXISTS, FAILED_PRECONDITION (can't be written).
absl::Status WriteSecretFile(const std::filesystem::path& path, const std::string& secret);

}  // namespace loupe
