// A file that arrives in pieces. It gets its name once it is whole and its hash is right.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "content/sha256.h"
#include "content/whole_file.h"

namespace loupe {

// Without Commit() no file is left behind.
class IncomingFile {
 public:
  // Begins a file that will be at `path`; makes its folder. Errors: RESOURCE_EXHAUSTED (no room),
  // FAILED_PRECONDITION (can't be written), both with the path.
  static absl::StatusOr<IncomingFile> Open(const std::filesystem::path& path);

  // Errors: as Open.
  absl::Status Append(std::string_view bytes);

  // Makes the bytes durable and gives the file its name. Call it once.
  // Errors: DATA_LOSS when `expected` is given and the bytes have another hash; as Open.
  absl::Status Commit(const std::optional<Sha256>& expected);

 private:
  IncomingFile(std::filesystem::path path, WholeFile file) : path_(std::move(path)), file_(std::move(file)) {}

  std::filesystem::path path_;
  WholeFile file_;
  Sha256Stream hash_;
};

}  // namespace loupe
