// Signals as something to wait for.
#pragma once

#include <signal.h>

#include <initializer_list>
#include <map>

#include "absl/time/time.h"

namespace loupe {

// Handles signals from its construction on; the old handling comes back with its end. One at a time in a
// process. Not by blocking them and sigwait(): libraries (OpenBLAS) start threads before main() that don't
// block them, and a signal that reaches such a thread would end the program.
class SignalPipe {
 public:
  explicit SignalPipe(std::initializer_list<int> signals);
  ~SignalPipe();
  SignalPipe(const SignalPipe&) = delete;
  SignalPipe& operator=(const SignalPipe&) = delete;

  // The next signal, or 0 when none came in time.
  int Wait(absl::Duration timeout) const;

  // Brings the old handling back: for a child process, where the pipe is not its own.
  void Restore() const;

 private:
  int read_end_ = -1;
  int write_end_ = -1;
  std::map<int, struct sigaction> before_;
};

}  // namespace loupe
