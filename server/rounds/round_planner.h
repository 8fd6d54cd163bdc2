// The threads that move rounds forward. Every coordinator has them; locks in the database decide whose step
// is written.
#pragma once

#include <deque>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "content/steady_clock.h"
#include "db/database.h"
#include "db/stores/round_store.h"
#include "server/blobs/blob_store.h"

namespace loupe {

// Rounds of several projects go on side by side. What goes wrong with one stops no other: an error that may
// pass is tried again, after a while that grows; any other one fails the round after a few tries.
class RoundPlanner {
 public:
  // Does nothing before Start(). `database` must outlive it.
  RoundPlanner(Database& database, BlobStore blobs) : database_(database), blobs_(std::move(blobs)) {}
  ~RoundPlanner() { Stop(); }
  RoundPlanner(const RoundPlanner&) = delete;
  RoundPlanner& operator=(const RoundPlanner&) = delete;

  void Start();
  // Waits for the steps in progress. May be called twice.
  void Stop();

  // One pass on this thread: takes each step that is due, for every round. Errors: the first one; the next
  // pass tries again.
  absl::Status RunOnce();

 private:
  // What is known of an open round.
  struct Progress {
    bool busy = false;  // queued, or a thread is at it
    int failures = 0;   // in a row
    Stopwatch since_failure;
    std::string error;  // the last one that was logged
  };

  absl::StatusOr<std::vector<OpenRound>> List();
  // Queues the rounds that are due.
  void Queue(const std::vector<OpenRound>& rounds);
  // Takes the step that is due, if one is, and notes how it went.
  absl::Status Take(const OpenRound& round);
  absl::Status Advance(const OpenRound& round);
  void LoopOverLists();
  void LoopOverQueue();

  Database& database_;
  const BlobStore blobs_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  Event stop_;  // set once `stopping_` is
  std::map<RoundId, Progress> progress_ ABSL_GUARDED_BY(mutex_);
  std::deque<OpenRound> queue_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace loupe
