#include "version/version.h"

namespace loupe {

// Defined in build_info.cc, which write_build_info.cmake writes at build time.
extern const char kVersion[];
extern const char kCommit[];

std::string_view Version() { return kVersion; }

std::string_view Commit() { return kCommit; }

std::string VersionLine(std::string_view program) {
  return std::string(program) + " " + kVersion + " (commit " + kCommit + ")";
}

}  // namespace loupe
