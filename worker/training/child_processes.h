// Several processes of one program under one parent.
#pragma once

#include <functional>

#include "absl/status/status.h"

namespace loupe {

// What happens when a child dies by a signal.
enum class OnDeath {
  kRestart,     // it is started again after a second: each works for itself
  kStopOthers,  // the others are stopped too: none can do without it
};

// Runs `work` in `count` child processes, each with its number from 0 on. SIGTERM and SIGINT are passed on to
// them. Returns when all have ended: the first error, else OK. A child prints its own error, unless that is
// ABORTED, which says that it ended because another one is gone. Errors: INTERNAL when a child has failed or
// died; with kStopOthers CANCELLED when a signal told them to stop. Requires: no threads yet, since children
// are forked.
absl::Status RunProcesses(int count, OnDeath on_death, const std::function<absl::Status(int index)>& work);

}  // namespace loupe
