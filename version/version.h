// Which build a program is.
#pragma once

#include <string>
#include <string_view>

namespace loupe {

// E.g. "0.1.0".
std::string_view Version();

// E.g. "a4129cb". It is "unknown" when the sources were built without git and without -DLOUPE_COMMIT.
std::string_view Commit();

// What `--version` prints, e.g. "loupe 0.1.0 (commit a4129cb)".
std::string VersionLine(std::string_view program);

}  // namespace loupe
