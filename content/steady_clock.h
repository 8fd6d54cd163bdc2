// Waiting and measuring by the steady clock. When the wall clock is turned back an hour, waits of Abseil,
// which go by it, take an hour longer.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "absl/time/time.h"

namespace loupe {

// How long ago it was made.
class Stopwatch {
 public:
  absl::Duration Elapsed() const { return absl::FromChrono(std::chrono::steady_clock::now() - began_); }

 private:
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

// Wakes threads that sleep. Thread-safe.
class Event {
 public:
  void Set();
  // Sleeps until it is set, at most for `time`. Returns whether it is set.
  bool WaitFor(absl::Duration time);
  // The same; it is not set afterwards.
  bool TakeWithin(absl::Duration time);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_set_ = false;
};

}  // namespace loupe
