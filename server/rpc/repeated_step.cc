#include "server/rpc/repeated_step.h"

#include <utility>

namespace loupe {

RepeatedStep::RepeatedStep(absl::Duration period, std::function<bool()> step)
    : period_(period), step_(std::move(step)), thread_([this] { Loop(); }) {}

RepeatedStep::~RepeatedStep() {
  stop_.Set();
  thread_.join();
}

void RepeatedStep::Loop() {
  do {
    while (step_() && !stop_.WaitFor(absl::ZeroDuration())) {
    }
  } while (!stop_.WaitFor(period_));
}

}  // namespace loupe
