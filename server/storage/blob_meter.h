// Measures what lies in the blob store, for the metrics.
#pragma once

#include <thread>

#include "content/steady_clock.h"
#include "server/blobs/blob_store.h"
#include "server/metrics/metrics.h"

namespace loupe {

class BlobMeter {
 public:
  // Starts a thread that goes through the store, again and again: at once the first time, later for
  // about a hundredth of its time. Both must outlive it.
  BlobMeter(const BlobStore& blobs, Metrics& metrics);
  ~BlobMeter();
  BlobMeter(const BlobMeter&) = delete;
  BlobMeter& operator=(const BlobMeter&) = delete;

 private:
  void Loop();

  const BlobStore& blobs_;
  Metrics& metrics_;
  Event stop_;
  std::thread thread_;
};

}  // namespace loupe
