#include "client/lib/incoming_file.h"

#include <system_error>

#include "absl/strings/str_cat.h"

namespace loupe {

absl::StatusOr<IncomingFile> IncomingFile::Open(const std::filesystem::path& path) {
  std::error_code ignored;  // WholeFile::Open() says what is wrong
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), ignored);
  absl::StatusOr<WholeFile> file = WholeFile::Open(path);
  if (!file.ok()) return file.status();
  return IncomingFile(path, *std::move(file));
}

absl::Status IncomingFile::Append(std::string_view bytes) {
  hash_.Update(bytes);
  return file_.Append(bytes);
}

absl::Status IncomingFile::Commit(const std::optional<Sha256>& expected) {
  if (expected.has_value() && hash_.Finish() != *expected) {
    return absl::DataLossError(
        absl::StrCat("what arrived for ", path_.string(), " is damaged: its hash differs"));
  }
  return file_.Commit(Durability::kWhole);
}

}  // namespace loupe
