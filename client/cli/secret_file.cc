#include "client/cli/secret_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/lib/request_id.h"

namespace loupe {

absl::Status WriteSecretFile(const std::filesystem::path& path, const std::string& secret) {
  const std::string temporary = absl::StrCat(path.string(), ".", NewRequestId(), ".tmp");
  const auto error = [&](int number) {
    unlink(temporary.c_str());
    const std::string message = absl::StrCat("can't write ", path.string(), ": ", std::strerror(number));
    return number == EEXIST ? absl::AlreadyExistsError(message) : absl::FailedPreconditionError(message);
  };
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return error(errno);
  const std::string line = absl::StrCat(secret, "\n");
  const bool written =
      write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()) && fsync(fd) == 0;
  const int write_error = errno;
  close(fd);
  if (!written) return error(write_error);
  // link() refuses to replace a file, which rename() would do.
  if (link(temporary.c_str(), path.c_str()) != 0) return error(errno);
  unlink(temporary.c_str());
  return absl::OkStatus();
}

}  // namespace loupe
