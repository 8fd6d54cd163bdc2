// Files that are there whole or not at all: written under a temporary name, then renamed.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "content/file_handle.h"

namespace loupe {

// What a power failure may do to a file after its Commit().
enum class Durability {
  kNow,    // nothing: bytes and name are on disk
  kWhole,  // the name may be missing, or still be that of the file before; the bytes are whole
  kLater,  // the file may be missing or cut short
};

// All errors: RESOURCE_EXHAUSTED (no room on the disk, or too many open files) or FAILED_PRECONDITION. The
// message names the file that Open() was given, and no other path.
class WholeFile {
 public:
  // Begins the file that will be at `path`, or where the symbolic link at `path` leads. The temporary file
  // lies beside it. A folder, a device or a pipe that is there is an error. `mode` as open() takes it.
  static absl::StatusOr<WholeFile> Open(std::filesystem::path path, mode_t mode = 0644);

  // Begins a file in `folder` whose path is given at its end; it must be on the same file system.
  static absl::StatusOr<WholeFile> OpenIn(const std::filesystem::path& folder, mode_t mode = 0644);

  WholeFile(WholeFile&&) noexcept = default;
  WholeFile& operator=(WholeFile&&) = delete;

  // Removes what was not committed.
  ~WholeFile();

  // Small pieces are gathered before they are written. After an error the file can't be committed.
  absl::Status Append(std::string_view bytes);

  // Gives the file its name; a file that has this name is replaced. Nothing may be called after a commit
  // that returned OK. Requires: the file was begun by Open().
  absl::Status Commit(Durability durability) { return CommitAs(path_, durability); }

  // The same for a file begun by OpenIn().
  absl::Status CommitAs(const std::filesystem::path& path, Durability durability);

  // As CommitAs() with Durability::kLater, but a file that is there is an error and stays. CommitAs() may
  // follow an error.
  absl::Status CommitAsNew(const std::filesystem::path& path);

  // Of the temporary file, for locks.
  int descriptor() const { return file_.get(); }

 private:
  WholeFile(std::filesystem::path path, std::filesystem::path temporary, FileHandle file);
  static absl::StatusOr<WholeFile> Begin(std::filesystem::path path, const std::filesystem::path& folder,
                                         const std::string& prefix, mode_t mode);
  absl::Status Write(std::string_view bytes);
  absl::Status Flush();

  std::filesystem::path path_;       // empty for a file begun by OpenIn()
  std::filesystem::path temporary_;  // empty once renamed
  FileHandle file_;
  std::string pending_;  // appended, not yet written
  absl::Status error_;   // the first of a write
};

// Makes the names in a folder durable. Errors: as above, without a path.
absl::Status SyncFolder(const std::filesystem::path& folder);

}  // namespace loupe
