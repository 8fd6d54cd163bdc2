#include "server/blobs/small_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "server/blobs/blob_store.h"

namespace loupe {

absl::Status WriteWhole(const std::filesystem::path& path, const std::string& text, mode_t mode) {
  const std::filesystem::path temporary = path.string() + ".new";
  const auto failed = [&] {
    return absl::FailedPreconditionError(absl::StrCat("can't write ", path.string(), ": ", strerror(errno)));
  };
  unlink(temporary.c_str());  // one that was left behind, perhaps with another mode
  const FileHandle file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!file.valid()) return failed();
  if (write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) return failed();
  if (fsync(file.get()) != 0 || rename(temporary.c_str(), path.c_str()) != 0) return failed();
  return absl::OkStatus();
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
