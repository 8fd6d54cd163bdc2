// Files as bytes.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"

namespace loupe {

// The bytes of a file. Errors: NOT_FOUND (it can't be opened), FAILED_PRECONDITION (it can't be read, as a
// folder can't). Messages name the file.
absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path);

}  // namespace loupe
