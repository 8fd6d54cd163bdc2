#include "worker/training/signal_pipe.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace loupe {
namespace {

std::atomic<int> active_write_end = -1;

void Note(int signal) {
  const int saved_errno = errno;
  const char number = static_cast<char>(signal);
  // A full pipe already wakes whoever waits.
  [[maybe_unused]] const ssize_t written = write(active_write_end, &number, 1);
  errno = saved_errno;
}

}  // namespace

SignalPipe::SignalPipe(std::initializer_list<int> signals) {
  int ends[2] = {-1, -1};
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return;  // then signals keep their old handling
  read_end_ = ends[0];
  write_end_ = ends[1];
  active_write_end = write_end_;
  struct sigaction action = {};
  action.sa_handler = Note;
  action.sa_flags = SA_RESTART;
  for (const int signal : signals) sigaction(signal, &action, &before_[signal]);
}

SignalPipe::~SignalPipe() {
  Restore();
  if (read_end_ >= 0) close(read_end_);
  if (write_end_ >= 0) close(write_end_);
}

int SignalPipe::Wait(absl::Duration timeout) const {
  pollfd waited = {.fd = read_end_, .events = POLLIN, .revents = 0};
  if (poll(&waited, 1, static_cast<int>(absl::ToInt64Milliseconds(timeout))) <= 0) return 0;
  char number = 0;
  return read(read_end_, &number, 1) == 1 ? number : 0;
}

void SignalPipe::Restore() const {
  for (const auto& [signal, action] : before_) sigaction(signal, &action, nullptr);
}

}  // namespace loupe
