// Threads for work that blocks: questions to the database, and pictures that are rendered.
#pragma once

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"

namespace loupe {

class WorkQueue {
 public:
  // `worker`: 0 to threads - 1, the thread that does it.
  using Work = std::function<void(int worker)>;

  WorkQueue(int threads, size_t most_waiting);
  // Drops what is waiting.
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  // False: too much waits already, and `work` is dropped. Thread-safe.
  bool Add(Work work);

 private:
  void Loop(int worker);

  const size_t most_waiting_;
  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<Work> waiting_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace loupe
