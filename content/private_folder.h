// Folders that other users can't read.
#pragma once

#include <filesystem>
#include <system_error>

namespace loupe {

// Makes a folder, and those above it that are missing, and makes it private as far as the system allows that.
std::error_code MakePrivateFolder(const std::filesystem::path& folder);

}  // namespace loupe
