// A bounded folder of blobs named by their SHA-256: what a worker fetched once it needn't fetch again.
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

// Several processes may share one folder: a blob appears whole, by renaming, or not at all. Threads take
// turns.
class ImageCache {
 public:
  // Makes the folder where it is missing. Errors: UNAVAILABLE when it can't be made.
  static absl::StatusOr<ImageCache> Open(const std::filesystem::path& folder, int64_t max_bytes);

  // The blob's bytes. Where it is missing or damaged, `fetch` puts it at the path it is given; what came is
  // checked before it becomes part of the cache. Blobs that were not used for longest go when the cache is
  // full. Errors: those of `fetch`; DATA_LOSS when other bytes came; UNAVAILABLE when the disk refuses.
  absl::StatusOr<std::string> Read(const Sha256& hash,
                                   absl::FunctionRef<absl::Status(const std::filesystem::path&)> fetch);

  // Where a blob that was just read lies.
  std::filesystem::path PathOf(const Sha256& hash) const { return folder_ / ToHex(hash); }
  const std::filesystem::path& folder() const { return folder_; }

 private:
  ImageCache(std::filesystem::path folder, int64_t max_bytes);
  void Count();
  void MakeRoom();

  std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();  // for what follows and the folder
  std::filesystem::path folder_;
  int64_t max_bytes_;
  int64_t bytes_ = 0;  // as last counted, and what was put in since
};

}  // namespace loupe
