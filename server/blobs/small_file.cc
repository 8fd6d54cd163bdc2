#include "server/blobs/small_file.h"

#include "content/whole_file.h"

namespace loupe {

absl::Status WriteWhole(const std::filesystem::path& path, const std::string& text, mode_t mode) {
  absl::StatusOr<WholeFile> file = WholeFile::Open(path, mode);
  if (!file.ok()) return file.status();
  if (absl::Status written = file->Append(text); !written.ok()) return written;
  return file->Commit(Durability::kWhole);
}

}  // namespace loupe
