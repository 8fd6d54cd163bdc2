// Small files that other programs read: they are there whole or not at all.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace loupe {

// Writes or replaces a file. `mode` as open() takes it. Errors: WholeFile's, with the path.
absl::Status WriteWhole(const std::filesystem::path& path, const std::string& text, mode_t mode);

// The bytes of a file. Errors: FAILED_PRECONDITION, with the path.
absl::StatusOr<std::string> ReadWhole(const std::filesystem::path& path);

}  // namespace loupe
