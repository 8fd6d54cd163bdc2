#include "server/storage/blob_meter.h"

#include <algorithm>

#include "absl/time/time.h"

namespace loupe {
namespace {

constexpr int kBlobFolders = 256;  // by the first byte of the hash
// Of the time that a folder took. With a million blobs one takes 10 ms.
constexpr int kRest = 99;
constexpr absl::Duration kShortestRest = absl::Milliseconds(200);  // later than the first time
constexpr absl::Duration kFirstRest = absl::Milliseconds(1);

}  // namespace

BlobMeter::BlobMeter(const BlobStore& blobs, Metrics& metrics)
    : blobs_(blobs), metrics_(metrics), thread_([this] { Loop(); }) {}

BlobMeter::~BlobMeter() {
  stop_.Set();
  thread_.join();
}

void BlobMeter::Loop() {
  for (absl::Duration shortest = kFirstRest;; shortest = kShortestRest) {
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
      if (stop_.WaitFor(std::max(shortest, kRest * began.Elapsed()))) return;
    }
    if (is_whole) metrics_.BlobsMeasured(blobs, bytes);
  }
}

}  // namespace loupe
