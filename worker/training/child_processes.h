// Starts and supervises child processes of this program.
#pragma once

#include <functional>

#include "absl/status/status.h"

namespace loupe {

// What to do when a signal ends a child.
enum class OnDeath {
  kRestart,     // start it again after a second; the children are independent
  kStopOthers,  // stop the other children too; they need each other
};

// Runs `work` in `count` child processes. Each gets its index, from 0. SIGTERM and SIGINT are passed on to
// them. Returns when all have ended: the first error, else OK. A child prints its own error, except ABORTED,
// which means that it ended because another child is gone. Errors: INTERNAL when a child failed or was
// killed; with kStopOthers, CANCELLED after SIGTERM or SIGINT. Requires: the program has no other threads
// yet, since the children are forked.
absl::Status RunProcesses(int count, OnDeath on_death, const std::function<absl::Status(int index)>& work);

}  // namespace loupe
