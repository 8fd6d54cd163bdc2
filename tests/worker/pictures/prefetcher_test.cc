// Items made ahead: their order, their bound, and the end.
#include "worker/pictures/prefetcher.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <omp.h>

#include <memory>
#include <thread>

namespace loupe {
namespace {

TEST(PrefetcherTest, GivesAllInOrderAndThenTheEnd) {
  Prefetcher<int> numbers([next = 0](const std::atomic<bool>&) mutable -> absl::StatusOr<int> {
    if (next == 50) return absl::OutOfRangeError("no more");
    return next++;
  });
  for (int i = 0; i < 50; ++i) ASSERT_EQ(*numbers.Next(), i);
  EXPECT_EQ(numbers.Next().status(), absl::OutOfRangeError("no more"));
  EXPECT_EQ(numbers.Next().status(), absl::OutOfRangeError("no more"));
}

// Two wait and one is at work: memory doesn't grow with what is left.
TEST(PrefetcherTest, MakesNoMoreThanThreeAhead) {
  std::atomic<int> made = 0;
  Prefetcher<int> numbers([&](const std::atomic<bool>&) -> absl::StatusOr<int> { return made++; });
  for (int taken = 1; taken <= 200; ++taken) {
    ASSERT_EQ(*numbers.Next(), taken - 1);
    ASSERT_LE(made, taken + 3);
  }
}

TEST(PrefetcherTest, ItemsAreMadeOnOneOtherThreadThatStartsNoTeam) {
  struct Place {
    std::thread::id thread;
    int team_size;
  };
  const int own_team_size = omp_get_max_threads();
  Prefetcher<Place> places([](const std::atomic<bool>&) -> absl::StatusOr<Place> {
    return Place{std::this_thread::get_id(), omp_get_max_threads()};
  });
  const Place first = *places.Next();
  const Place second = *places.Next();
  EXPECT_NE(first.thread, std::this_thread::get_id());
  EXPECT_EQ(first.thread, second.thread);
  EXPECT_EQ(first.team_size, 1);
  EXPECT_EQ(omp_get_max_threads(), own_team_size);
}

// Whoever goes away tells the one at work, and waits until nothing is used any more.
TEST(PrefetcherTest, GoingAwayEndsTheWork) {
  auto used = std::make_shared<std::atomic<int>>(0);
  std::atomic<bool> at_work = false;
  {
    Prefetcher<int> numbers([used, &at_work](const std::atomic<bool>& stopping) -> absl::StatusOr<int> {
      at_work = true;
      at_work.notify_all();
      while (!stopping) std::this_thread::yield();
      ++*used;
      return 0;
    });
    at_work.wait(false);
  }
  EXPECT_EQ(*used, 1);
  EXPECT_EQ(used.use_count(), 1);
}

}  // namespace
}  // namespace loupe
