// A bounded folder of blobs, named by their SHA-256, so that a worker fetches each blob once.
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

// Several processes may share one folder: a blob is renamed into it when it is whole. Thread-safe; one thread
// reads at a time.
class ImageCache {
 public:
  // Makes the folder where it is missing. Errors: UNAVAILABLE when it can't be made.
  static absl::StatusOr<ImageCache> Open(const std::filesystem::path& folder, int64_t max_bytes);

  // The blob's bytes. When the blob is missing or damaged, `fetch` writes it to the given path, and its hash
  // is checked before it becomes part of the cache. A full cache removes the least recently used blobs.
  // Errors: those of `fetch`; DATA_LOSS (`fetch` wrote other bytes); UNAVAILABLE (the disk can't be written).
  absl::StatusOr<std::string> Read(const Sha256& hash,
                                   absl::FunctionRef<absl::Status(const std::filesystem::path&)> fetch);

  // The path of a blob that was just read.
  std::filesystem::path PathOf(const Sha256& hash) const { return folder_ / ToHex(hash); }
  const std::filesystem::path& folder() const { return folder_; }

 private:
  ImageCache(std::filesystem::path folder, int64_t max_bytes);
  void Count();
  void MakeRoom();

  std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();  // guards bytes_ and the folder
  std::filesystem::path folder_;
  int64_t max_bytes_;
  int64_t bytes_ = 0;  // of the last count, plus the blobs that were added since
};

}  // namespace loupe
