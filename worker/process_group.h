// Several processes of one program under one parent.
#pragma once

#include <functional>

#include "absl/status/status.h"

namespace loupe {

// Runs `work` in `count` child processes. SIGTERM and SIGINT are passed on to them; a child that dies by a
// signal is started again after a second. Returns when all have ended: the first error of a child, else OK.
// Requires: no threads yet, since children are forked. A child prints its own error.
absl::Status RunProcesses(int count, const std::function<absl::Status()>& work);

}  // namespace loupe
