// Small files that others read: whole or not there.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace loupe {

// Writes a temporary file beside it, makes it durable and renames it.
// Errors: FAILED_PRECONDITION (with the path and why).
absl::Status WriteWhole(const std::filesystem::path& path, const std::string& text, mode_t mode);

// Errors: FAILED_PRECONDITION.
absl::StatusOr<std::string> ReadWhole(const std::filesystem::path& path);

}  // namespace loupe
