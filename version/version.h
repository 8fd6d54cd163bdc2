// Which build a program is.
#pragma once

#include <string>
#include <string_view>

namespace loupe {

// What `--version` prints, e.g. "loupe 0.1.0 (commit a4129cb)". The commit is "unknown" when the sources were
// built without git and without -DLOUPE_COMMIT.
std::string VersionLine(std::string_view program);

}  // namespace loupe
