#include "server/blobs/small_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "content/whole_file.h"

namespace loupe {

absl::Status WriteWhole(const std::filesystem::path& path, const std::string& text, mode_t mode) {
  absl::StatusOr<WholeFile> file = WholeFile::Open(path, mode);
  if (!file.ok()) return file.status();
  if (absl::Status written = file->Append(text); !written.ok()) return written;
  return file->Commit(Durability::kWhole);
}

absl::StatusOr<std::string> ReadWhole(const std::filesystem::path& path) {
  const std::ifstream file(path, std::ios::binary);
  if (!file) {
    return absl::FailedPreconditionError(absl::StrCat("can't read ", path.string(), ": ", strerror(errno)));
  }
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace loupe
