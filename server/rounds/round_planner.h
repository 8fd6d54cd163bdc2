// The thread that moves rounds on. Every coordinator has one; the database decides who takes a step.
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
  // Waits for the step that is being taken. May be called twice.
  void Stop();

  // One pass: for every round, every step that can be taken now. What goes wrong with one round doesn't hold
  // up the others. Errors: the first that came up; a later pass tries again.
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
