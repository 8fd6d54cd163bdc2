#include "server/gateway/work_queue.h"

#include <utility>

namespace loupe {

WorkQueue::WorkQueue(int threads, size_t most_waiting) : most_waiting_(most_waiting) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this, i] { Loop(i); });
}

WorkQueue::~WorkQueue() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

bool WorkQueue::Add(Work work) {
  absl::MutexLock lock(&mutex_);
  if (waiting_.size() >= most_waiting_) return false;
  waiting_.push_back(std::move(work));
  return true;
}

void WorkQueue::Loop(int worker) {
  for (;;) {
    Work work;
    {
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(
          +[](WorkQueue* queue)
               ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return queue->stopping_ || !queue->waiting_.empty(); },
          this));
      if (stopping_) return;
      work = std::move(waiting_.front());
      waiting_.pop_front();
    }
    work(worker);
  }
}

}  // namespace loupe
