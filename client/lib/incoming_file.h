// A file that arrives in pieces: under a temporary name until it is whole and its hash is right.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "content/sha256.h"

namespace loupe {

class IncomingFile {
 public:
  // Begins a file that will be at `path`; makes its folder. Errors: RESOURCE_EXHAUSTED (no room),
  // FAILED_PRECONDITION (can't be written).
  static absl::StatusOr<IncomingFile> Open(const std::filesystem::path& path);

  // Without Commit() nothing stays behind.
  ~IncomingFile();
  IncomingFile(IncomingFile&& other) noexcept;
  IncomingFile& operator=(IncomingFile&&) = delete;

  // Errors: as Open.
  absl::Status Append(std::string_view bytes);

  // Makes the bytes durable and gives them their name. Call it once.
  // Errors: DATA_LOSS when `expected` is given and the bytes hash otherwise; as Open.
  absl::Status Commit(const std::optional<Sha256>& expected);

 private:
  IncomingFile(std::filesystem::path path, std::filesystem::path temporary, int fd);

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int fd_;
  Sha256Stream hash_;
};

}  // namespace loupe
