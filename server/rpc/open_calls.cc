#include "server/rpc/open_calls.h"

namespace loupe {

bool OpenCalls::Begin(PrincipalId principal) {
  absl::MutexLock lock(&mutex_);
  if (open_ >= max_) return false;
  int& own = open_of_[principal];
  if (own >= max_each_) return false;
  ++open_;
  ++own;
  return true;
}

void OpenCalls::End(PrincipalId principal) {
  absl::MutexLock lock(&mutex_);
  --open_;
  if (--open_of_[principal] == 0) open_of_.erase(principal);
}

int OpenCalls::open() {
  absl::MutexLock lock(&mutex_);
  return open_;
}

}  // namespace loupe
