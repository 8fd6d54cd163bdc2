// Thumbnails and renderings that are kept on the disk, in the blob store's folder of renderings.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>

#include "absl/status/statusor.h"
#include "content/file_handle.h"
#include "content/intensity_range.h"
#include "content/sha256.h"
#include "server/blobs/blob_store.h"
#include "server/gateway/renderer.h"

namespace loupe {

struct RenderingName {
  Sha256 picture{};
  int max_side = 0;  // 0: in full size
  IntensityRange range;
};

// Thread-safe. Several coordinators may share the folder.
class RenderingCache {
 public:
  // `blobs` must outlive it.
  RenderingCache(const BlobStore& blobs, uint64_t max_bytes) : blobs_(blobs), max_bytes_(max_bytes) {}

  // A kept rendering; nullopt: there is none.
  std::optional<FileHandle> Find(const RenderingName& name) const;

  // Makes it, unless it has come meanwhile, and keeps it. Blocks. Errors: those of Renderer::Render;
  // RESOURCE_EXHAUSTED (the disk is full), NOT_FOUND (the picture was removed).
  absl::StatusOr<FileHandle> Make(const RenderingName& name, Renderer& renderer);

  // Erases those that were used longest ago until a quarter of the room is free, if there are more than fit.
  void Trim();

 private:
  const BlobStore& blobs_;
  const uint64_t max_bytes_;
  std::atomic<uint64_t> untrimmed_bytes_ = 0;  // that were added since it was last trimmed
};

}  // namespace loupe
