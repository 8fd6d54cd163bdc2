// Ends what was left lying: leases of annotators that weren't renewed, requests of long ago.
#pragma once

#include <thread>

#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "db/database.h"

namespace loupe {

class LeaseReaper {
 public:
  // Begins at once, and goes round every second. `database` must outlive it. Any number of coordinators may
  // have one: they pass over what another is ending.
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
