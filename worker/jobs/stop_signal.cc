#include "worker/jobs/stop_signal.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "absl/time/clock.h"
#include "content/steady_clock.h"

namespace loupe {
namespace {

constexpr absl::Duration kSignalPoll = absl::Milliseconds(50);

}  // namespace

StopSignal::StopSignal() : signals_({SIGTERM, SIGINT}) {
  thread_ = std::thread([this] { Wait(); });
}

StopSignal::~StopSignal() {
  over_ = true;
  thread_.join();
}

void StopSignal::Wait() {
  while (!over_) {
    if (signals_.Wait(kSignalPoll) == 0) continue;
    requested_ = true;
    const std::lock_guard lock(mutex_);
    if (wake_) wake_();
  }
}

void StopSignal::Sleep(absl::Duration duration) const {
  for (const Stopwatch slept; !requested_ && slept.Elapsed() < duration;) {
    absl::SleepFor(std::min(kSignalPoll, duration - slept.Elapsed()));
  }
}

void StopSignal::OnRequest(std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  wake_ = std::move(wake);
  if (requested_ && wake_) wake_();
}

}  // namespace loupe
