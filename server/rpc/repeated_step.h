// Work that follows what happens in the database.
#pragma once

#include <functional>
#include <thread>

#include "absl/time/time.h"
#include "content/steady_clock.h"

namespace loupe {

class RepeatedStep {
 public:
  // Starts a thread that calls `step` again and again: at once while it returns true, which is that there is
  // more to do, otherwise after `period`. Begins now.
  RepeatedStep(absl::Duration period, std::function<bool()> step);
  // Waits for the step that runs.
  ~RepeatedStep();
  RepeatedStep(const RepeatedStep&) = delete;
  RepeatedStep& operator=(const RepeatedStep&) = delete;

 private:
  void Loop();

  const absl::Duration period_;
  const std::function<bool()> step_;
  Event stop_;
  std::thread thread_;
};

}  // namespace loupe
