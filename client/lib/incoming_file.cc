#include "client/lib/incoming_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/lib/request_id.h"

namespace loupe {
namespace {

absl::Status WriteError(const std::filesystem::path& path, int error) {
  const std::string message = absl::StrCat("can't write ", path.string(), ": ", std::strerror(error));
  return error == ENOSPC || error == EDQUOT ? absl::ResourceExhaustedError(message)
                                            : absl::FailedPreconditionError(message);
}

}  // namespace

absl::StatusOr<IncomingFile> IncomingFile::Open(const std::filesystem::path& path) {
  std::error_code ignored;  // open() says what is wrong
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), ignored);
  std::filesystem::path temporary = path;
  temporary += absl::StrCat(".", NewRequestId(), ".tmp");
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return WriteError(path, errno);
  return IncomingFile(path, std::move(temporary), fd);
}

IncomingFile::IncomingFile(std::filesystem::path path, std::filesystem::path temporary, int fd)
    : path_(std::move(path)), temporary_(std::move(temporary)), fd_(fd) {}

IncomingFile::IncomingFile(IncomingFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      fd_(std::exchange(other.fd_, -1)),
      hash_(std::move(other.hash_)) {}

IncomingFile::~IncomingFile() {
  if (fd_ < 0) return;
  close(fd_);
  unlink(temporary_.c_str());
}

absl::Status IncomingFile::Append(std::string_view bytes) {
  hash_.Update(bytes);
  while (!bytes.empty()) {
    const ssize_t written = write(fd_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return WriteError(path_, errno);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status IncomingFile::Commit(const std::optional<Sha256>& expected) {
  if (expected && hash_.Finish() != *expected) {
    return absl::DataLossError(
        absl::StrCat("what arrived for ", path_.string(), " is damaged: its hash differs"));
  }
  if (fsync(fd_) != 0) return WriteError(path_, errno);
  if (rename(temporary_.c_str(), path_.c_str()) != 0) return WriteError(path_, errno);
  close(std::exchange(fd_, -1));
  return absl::OkStatus();
}

}  // namespace loupe
