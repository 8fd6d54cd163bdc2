// Ends leases of annotators that were not renewed, moves the cursors of rankings, deletes old requests and
// ended sessions and uploads that nobody imports, goes on with the erasure of deleted projects where a call
// was cut, and gives free memory back to the system.
#pragma once

#include <thread>

#include "content/steady_clock.h"
#include "db/database.h"
#include "server/blobs/blob_store.h"
#include "server/metrics/metrics.h"

namespace loupe {

class LeaseReaper {
 public:
  // Starts a thread that works once per second, beginning now. All must outlive it. Several
  // coordinators may each run one: each passes over rows that another has locked.
  LeaseReaper(Database& database, const BlobStore& blobs, Metrics& metrics);
  ~LeaseReaper();
  LeaseReaper(const LeaseReaper&) = delete;
  LeaseReaper& operator=(const LeaseReaper&) = delete;

 private:
  void Loop();
  void ReapOnce();
  void SweepOnce();

  Database& database_;
  const BlobStore& blobs_;
  Metrics& metrics_;
  Event stop_;
  std::thread thread_;
};

}  // namespace loupe
