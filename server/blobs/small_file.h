// Small files that other programs read: they are there whole or not at all.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "absl/status/status.h"

namespace loupe {

// Writes or replaces a file. `mode` as open() takes it. Errors: WholeFile's, with the path.
absl::Status WriteWhole(const std::filesystem::path& path, const std::string& text, mode_t mode);

}  // namespace loupe
