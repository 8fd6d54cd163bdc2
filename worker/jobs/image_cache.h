// A bounded folder of blobs named by their SHA-256, so that a worker needn't fetch a blob twice.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "content/sha256.h"

namespace loupe {

// Several processes may share one folder. A blob's bytes are checked against its name whenever it is read.
// Thread-safe: one thread reads at a time.
class ImageCache {
 public:
  // Makes the folder if it is missing. Errors: UNAVAILABLE when it can't be made.
  static absl::StatusOr<ImageCache> Open(const std::filesystem::path& folder, int64_t max_bytes);

  // The blob's bytes. When the blob is missing or damaged, `fetch` writes it to the path that it is given,
  // whole or not at all. A file with wrong bytes is removed. When the cache is full, the blobs that were not
  // used for longest are removed. Errors: those of `fetch`; DATA_LOSS when `fetch` wrote other bytes.
  absl::StatusOr<std::string> Read(const Sha256& hash,
                                   absl::FunctionRef<absl::Status(const std::filesystem::path&)> fetch);

  // The file of a blob that was just read.
  std::filesystem::path PathOf(const Sha256& hash) const { return folder_ / ToHex(hash); }
  const std::filesystem::path& folder() const { return folder_; }

 private:
  ImageCache(std::filesystem::path folder, int64_t max_bytes);
  void Count();
  void MakeRoom();

  std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();  // guards the members below
  std::filesystem::path folder_;
  int64_t max_bytes_;
  int64_t bytes_ = 0;  // as last counted, plus what was fetched since
};

}  // namespace loupe
