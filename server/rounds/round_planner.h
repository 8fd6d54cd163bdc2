// The thread that moves rounds forward. Every coordinator has one; locks in the database decide whose step is
// written.
#pragma once

#include <thread>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "db/database.h"
#include "server/blobs/blob_store.h"

namespace loupe {

class RoundPlanner {
 public:
  // Does nothing before Start(). `database` must outlive it.
  RoundPlanner(Database& database, BlobStore blobs) : database_(database), blobs_(std::move(blobs)) {}
  ~RoundPlanner() { Stop(); }
  RoundPlanner(const RoundPlanner&) = delete;
  RoundPlanner& operator=(const RoundPlanner&) = delete;

  void Start();
  // Waits for the step in progress. May be called twice.
  void Stop();

  // One pass: takes each step that is due, for every round. An error in one round doesn't stop the others.
  // Errors: the first one; the next pass tries again.
  absl::Status RunOnce();

 private:
  void Loop();
  absl::Status Advance(const struct OpenRound& round);

  Database& database_;
  const BlobStore blobs_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace loupe
