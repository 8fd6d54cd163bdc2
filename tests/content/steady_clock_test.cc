#include "content/steady_clock.h"

#include <gtest/gtest.h>

#include <thread>

#include "absl/time/clock.h"

namespace loupe {
namespace {

TEST(Event, WakesWhoSleeps) {
  Event event;
  const Stopwatch waited;
  EXPECT_FALSE(event.WaitFor(absl::Milliseconds(50)));
  EXPECT_GE(waited.Elapsed(), absl::Milliseconds(50));
  std::thread other([&] {
    absl::SleepFor(absl::Milliseconds(50));
    event.Set();
  });
  EXPECT_TRUE(event.WaitFor(absl::Minutes(1)));
  EXPECT_LT(waited.Elapsed(), absl::Seconds(30));
  other.join();
  EXPECT_TRUE(event.WaitFor(absl::ZeroDuration())) << "it stays set";
  EXPECT_TRUE(event.TakeWithin(absl::ZeroDuration()));
  EXPECT_FALSE(event.WaitFor(absl::ZeroDuration())) << "it was taken";
}

}  // namespace
}  // namespace loupe
