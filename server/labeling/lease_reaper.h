// Ends leases of annotators that were not renewed, moves the cursors of rankings, and deletes old requests.
#pragma once

#include <thread>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "db/database.h"

namespace loupe {

class LeaseReaper {
 public:
  // Starts a thread that works once per second, beginning now. `database` must outlive it. Several
  // coordinators may each run one: each passes over rows that another has locked.
  explicit LeaseReaper(Database& database);
  ~LeaseReaper();
  LeaseReaper(const LeaseReaper&) = delete;
  LeaseReaper& operator=(const LeaseReaper&) = delete;

 private:
  void Loop();
  void ReapOnce(bool old_requests);

  Database& database_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace loupe
