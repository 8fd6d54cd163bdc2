#include "server/storage/blob_meter.h"

#include <algorithm>

#include "absl/time/time.h"

namespace loupe {
namespace {

constexpr int kBlobFolders = 256;  // by the first byte of the hash
// After a folder, as many times what it took, within these bounds. With a million blobs a folder takes 10 ms.
constexpr int kRest = 99;
constexpr absl::Duration kShortestRest = absl::Milliseconds(50);
constexpr absl::Duration kLongestRest = absl::Seconds(1);

}  // namespace

BlobMeter::BlobMeter(const BlobStore& blobs, Metrics& metrics)
    : blobs_(blobs), metrics_(metrics), thread_([this] { Loop(); }) {}

BlobMeter::~BlobMeter() {
  stop_.Set();
  thread_.join();
}

void BlobMeter::Loop() {
  for (bool is_first = true;; is_first = false) {
    uint64_t blobs = 0;
    uint64_t bytes = 0;
    bool is_whole = true;
    for (int folder = 0; folder < kBlobFolders; ++folder) {
      const Stopwatch began;
      if (const absl::StatusOr<DiskRoom> room = blobs_.Room(); room.ok()) {
        metrics_.DiskMeasured(room->total_bytes, room->free_bytes, room->reserve_bytes);
      }
      const auto stored = blobs_.List(static_cast<uint8_t>(folder));
      is_whole = is_whole && stored.ok();
      if (stored.ok()) {
        for (const StoredBlob& blob : *stored) bytes += blob.size_bytes;
        blobs += stored->size();
      }
      const absl::Duration rest = std::clamp(kRest * began.Elapsed(), kShortestRest, kLongestRest);
      if (stop_.WaitFor(is_first ? absl::ZeroDuration() : rest)) return;
    }
    if (is_whole) metrics_.BlobsMeasured(blobs, bytes);
  }
}

}  // namespace loupe
