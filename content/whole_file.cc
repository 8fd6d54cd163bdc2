#include "content/whole_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace loupe {
namespace {

namespace fs = std::filesystem;

constexpr size_t kPendingBytes = 64 << 10;

// Requires: an error in errno. `path` may be empty.
absl::Status WriteError(const fs::path& path) {
  const int error = errno;
  const std::string message =
      absl::StrCat("can't write ", path.empty() ? "the file" : path.string(), ": ", std::strerror(error));
  const bool no_room = error == ENOSPC || error == EDQUOT || error == EMFILE || error == ENFILE;
  return no_room ? absl::ResourceExhaustedError(message) : absl::FailedPreconditionError(message);
}

// Hardly ever taken.
std::string UniqueName() {
  static std::atomic<uint64_t> count{0};
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return absl::StrCat(getpid(), "-", now.tv_sec, "-", now.tv_nsec, "-", count.fetch_add(1));
}

fs::path FolderOf(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

// A file is renamed to `path` and replaces what is there. So a symbolic link becomes the path of its file,
// and what is no file is an error: a folder, or a device, which would be gone.
absl::Status FindTarget(fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    return absl::FailedPreconditionError(
        absl::StrCat("can't write ", path.string(), ": it is there already and is no regular file"));
  }
  if (!fs::is_symlink(path, error)) return absl::OkStatus();
  fs::path target = fs::canonical(path, error);
  if (error) {
    return absl::FailedPreconditionError(
        absl::StrCat("can't write ", path.string(), ": it is a symbolic link to nothing"));
  }
  path = std::move(target);
  return absl::OkStatus();
}

}  // namespace

WholeFile::WholeFile(fs::path path, fs::path temporary, FileHandle file)
    : path_(std::move(path)), temporary_(std::move(temporary)), file_(std::move(file)) {}

WholeFile::~WholeFile() {
  // A file that was moved from has no handle.
  if (file_.valid() && !temporary_.empty()) unlink(temporary_.c_str());
}

absl::StatusOr<WholeFile> WholeFile::Begin(fs::path path, const fs::path& folder, const std::string& prefix,
                                           mode_t mode) {
  for (;;) {
    fs::path temporary = folder / absl::StrCat(prefix, UniqueName(), ".tmp");
    FileHandle file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (file.valid()) return WholeFile(std::move(path), std::move(temporary), std::move(file));
    if (errno != EEXIST) return WriteError(path);
  }
}

absl::StatusOr<WholeFile> WholeFile::Open(fs::path path, mode_t mode) {
  if (const absl::Status target = FindTarget(path); !target.ok()) return target;
  const fs::path folder = FolderOf(path);
  constexpr size_t kMostOfAName = 180;  // with what UniqueName adds, a name stays below 255 bytes
  const std::string prefix = absl::StrCat(path.filename().string().substr(0, kMostOfAName), ".");
  return Begin(std::move(path), folder, prefix, mode);
}

absl::StatusOr<WholeFile> WholeFile::OpenIn(const fs::path& folder, mode_t mode) {
  return Begin({}, folder, "", mode);
}

absl::Status WholeFile::Write(std::string_view bytes) {
  if (!error_.ok()) return error_;
  while (!bytes.empty()) {
    const ssize_t written = write(file_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return error_ = WriteError(path_);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status WholeFile::Flush() {
  const absl::Status written = Write(pending_);
  pending_.clear();
  return written;
}

absl::Status WholeFile::Append(std::string_view bytes) {
  if (pending_.size() + bytes.size() < kPendingBytes) {
    pending_.append(bytes);
    return absl::OkStatus();
  }
  if (absl::Status flushed = Flush(); !flushed.ok()) return flushed;
  return Write(bytes);
}

absl::Status WholeFile::CommitAs(const fs::path& path, Durability durability) {
  if (absl::Status flushed = Flush(); !flushed.ok()) return flushed;
  if (durability != Durability::kLater && fsync(file_.get()) != 0) return WriteError(path_);
  if (rename(temporary_.c_str(), path.c_str()) != 0) return WriteError(path_);
  temporary_.clear();
  return durability == Durability::kNow ? SyncFolder(FolderOf(path)) : absl::OkStatus();
}

absl::Status WholeFile::CommitAsNew(const fs::path& path) {
  if (absl::Status flushed = Flush(); !flushed.ok()) return flushed;
  if (renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0) {
    return WriteError(path_);
  }
  temporary_.clear();
  return absl::OkStatus();
}

absl::Status SyncFolder(const fs::path& folder) {
  const FileHandle handle(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return handle.valid() && fsync(handle.get()) == 0 ? absl::OkStatus() : WriteError({});
}

}  // namespace loupe
