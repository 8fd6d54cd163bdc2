#include "content/read_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "content/file_handle.h"

namespace loupe {

absl::StatusOr<std::string> ReadFile(const std::filesystem::path& path) {
  const auto message = [&] { return absl::StrCat("can't read ", path.string(), ": ", std::strerror(errno)); };
  const FileHandle file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return absl::NotFoundError(message());
  constexpr size_t kAtOnce = 64 << 10;
  struct stat about = {};
  const bool known = fstat(file.get(), &about) == 0 && about.st_size > 0;
  std::string bytes;
  size_t length = 0;
  while (true) {
    // One byte more than there are, so that the end is met without another buffer.
    if (length == bytes.size())
      bytes.resize(length == 0 && known ? static_cast<size_t>(about.st_size) + 1 : length + kAtOnce);
    const ssize_t got = read(file.get(), bytes.data() + length, bytes.size() - length);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::FailedPreconditionError(message());
    if (got == 0) break;
    length += static_cast<size_t>(got);
  }
  bytes.resize(length);
  return bytes;
}

}  // namespace loupe
