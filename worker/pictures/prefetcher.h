// Makes items ahead of time on a thread: pictures are decoded and resized while the network computes.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/detection/runtime.h"

namespace loupe {

template <typename Item>
class Prefetcher {
 public:
  // Returns the next item, or OUT_OF_RANGE after the last one. Any error ends the items. It is called on the
  // prefetcher's thread, one call at a time, and must not share data with other threads. It must not throw,
  // and should return early once `stopping` is true: that item is dropped.
  using Make = std::function<absl::StatusOr<Item>(const std::atomic<bool>& stopping)>;

  explicit Prefetcher(Make make) : make_(std::move(make)), thread_([this] { Work(); }) {}
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  // Waits for a running call of `make`.
  ~Prefetcher() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  // The next item, in the order in which they were made; after the last one always the error that ended them.
  absl::StatusOr<Item> Next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !ready_.empty() || !end_.ok(); });
    if (ready_.empty()) return end_;
    Item item = std::move(ready_.front());
    ready_.pop_front();
    changed_.notify_all();
    return item;
  }

 private:
  // Enough that an item that takes longer than others doesn't stop the reader.
  static constexpr size_t kMaxReady = 2;

  void Work() {
    detection::UseOneThreadHere();
    while (!stopping_) {
      absl::StatusOr<Item> item = make_(stopping_);
      std::unique_lock lock(mutex_);
      if (item.ok())
        ready_.push_back(*std::move(item));
      else
        end_ = item.status();
      changed_.notify_all();
      if (!end_.ok()) return;
      changed_.wait(lock, [this] { return stopping_ || ready_.size() < kMaxReady; });
    }
  }

  Make make_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Item> ready_;
  absl::Status end_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;  // the last member, since it uses the others
};

}  // namespace loupe
