#include "content/steady_clock.h"

#include <utility>

namespace loupe {

void Event::Set() {
  const std::lock_guard lock(mutex_);
  is_set_ = true;
  changed_.notify_all();
}

bool Event::WaitFor(absl::Duration time) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, absl::ToChronoNanoseconds(time), [this] { return is_set_; });
}

bool Event::TakeWithin(absl::Duration time) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, absl::ToChronoNanoseconds(time), [this] { return is_set_; });
  return std::exchange(is_set_, false);
}

}  // namespace loupe
