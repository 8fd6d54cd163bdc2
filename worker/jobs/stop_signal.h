// SIGTERM and SIGINT, for threads to poll or to be woken by.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <thread>

#include "absl/time/time.h"
#include "worker/training/signal_pipe.h"

namespace loupe {

class StopSignal {
 public:
  // Handles the two signals in a thread of its own.
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  bool requested() const { return requested_; }

  // Sleeps; a signal ends the sleep.
  void Sleep(absl::Duration duration) const;

  // Calls `wake` when a signal comes, or at once when one came before. Null: calls nothing any more. After
  // this returns, an earlier `wake` is not running and is not called again.
  void OnRequest(std::function<void()> wake);

 private:
  void Wait();

  SignalPipe signals_;
  std::atomic<bool> requested_ = false;
  std::atomic<bool> over_ = false;
  std::mutex mutex_;
  std::function<void()> wake_;
  std::thread thread_;
};

}  // namespace loupe
