// Lets a thread wait for signals.
#pragma once

#include <signal.h>

#include <initializer_list>
#include <map>

#include "absl/time/time.h"

namespace loupe {

// Handles the signals from its construction until its destruction, which restores the old handlers. A process
// has one SignalPipe at a time. Blocking the signals and calling sigwait() would not do: OpenBLAS starts
// threads before main() that don't block signals, and a signal that reaches such a thread would end the
// program.
class SignalPipe {
 public:
  explicit SignalPipe(std::initializer_list<int> signals);
  ~SignalPipe();
  SignalPipe(const SignalPipe&) = delete;
  SignalPipe& operator=(const SignalPipe&) = delete;

  // Waits for the next signal. 0 when none came within `timeout`.
  int Wait(absl::Duration timeout) const;

  // Restores the old handlers. For a child process after a fork, which shares the pipe with its parent.
  void Restore() const;

 private:
  int read_end_ = -1;
  int write_end_ = -1;
  std::map<int, struct sigaction> before_;
};

}  // namespace loupe
