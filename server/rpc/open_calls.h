// How many calls of a kind are open: so many may be, of one principal and of all. Thread-safe.
#pragma once

#include <map>

#include "absl/synchronization/mutex.h"
#include "db/ids.h"

namespace loupe {

class OpenCalls {
 public:
  OpenCalls(int max_each, int max) : max_each_(max_each), max_(max) {}

  // False: too many are open.
  bool Begin(PrincipalId principal);
  // Requires: Begin() returned true.
  void End(PrincipalId principal);
  // Of all principals.
  int open();

 private:
  const int max_each_;
  const int max_;
  absl::Mutex mutex_;
  int open_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<PrincipalId, int> open_of_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace loupe
