#include "evaluation/parallel_for.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace loupe::evaluation {
namespace {

TEST(ParallelForTest, CallsEachIndexOnceForAnyNumberOfThreads) {
  for (const int threads : {0, 1, 2, 3, 100}) {
    for (const size_t count : {0, 1, 2, 7, 1000}) {
      std::vector<int> calls(count);
      ParallelFor(count, threads, [&](size_t i) { ++calls[i]; });
      EXPECT_EQ(calls, std::vector<int>(count, 1)) << count << " calls on " << threads << " threads";
    }
  }
}

TEST(ParallelForTest, RunsOnNoMoreThreadsThanAsked) {
  std::atomic<int> running = 0;
  std::atomic<int> most = 0;
  ParallelFor(2000, 2, [&](size_t) {
    const int now = ++running;
    int before = most;
    while (now > before && !most.compare_exchange_weak(before, now)) {
    }
    std::this_thread::yield();
    --running;
  });
  EXPECT_LE(most, 2);
}

TEST(ParallelForTest, LoopsInLoopsAndAtTheSameTimeEnd) {
  std::atomic<int> calls = 0;
  const auto loop_in_loop = [&] {
    ParallelFor(20, 0, [&](size_t) { ParallelFor(30, 0, [&](size_t) { ++calls; }); });
  };
  std::thread other(loop_in_loop);
  loop_in_loop();
  other.join();
  EXPECT_EQ(calls, 2 * 20 * 30);
}

}  // namespace
}  // namespace loupe::evaluation
