#include "worker/stop_signal.h"

#include <csignal>

#include <utility>

#include "absl/time/clock.h"

namespace loupe {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(50);

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

}  // namespace

StopSignal::StopSignal() {
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  thread_ = std::thread([this] { Wait(); });
}

StopSignal::~StopSignal() {
  over_ = true;
  thread_.join();
}

void StopSignal::Wait() {
  const sigset_t signals = StopSignals();
  const timespec tick = absl::ToTimespec(kTick);
  while (!over_) {
    if (sigtimedwait(&signals, nullptr, &tick) < 0) continue;
    requested_ = true;
    const std::lock_guard lock(mutex_);
    if (wake_) wake_();
  }
}

void StopSignal::Sleep(absl::Duration duration) const {
  const absl::Time end = absl::Now() + duration;
  while (!requested_ && absl::Now() < end) absl::SleepFor(std::min(kTick, end - absl::Now()));
}

void StopSignal::OnRequest(std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  wake_ = std::move(wake);
  if (requested_ && wake_) wake_();
}

}  // namespace loupe
