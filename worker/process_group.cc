#include "worker/process_group.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <iostream>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "worker/signal_pipe.h"

namespace loupe {
namespace {

// A child that ended is noticed by its signal; this is in case one got lost.
constexpr absl::Duration kTick = absl::Seconds(1);

class ProcessGroup {
 public:
  explicit ProcessGroup(const std::function<absl::Status()>& work)
      : work_(work), signals_({SIGTERM, SIGINT, SIGCHLD}) {}
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  absl::Status Start() {
    const pid_t child = fork();
    if (child < 0)
      return absl::ResourceExhaustedError(absl::StrCat("cannot start a process: ", std::strerror(errno)));
    if (child == 0) RunChild();
    children_.insert(child);
    return absl::OkStatus();
  }

  absl::Status WaitForAll() {
    while (!children_.empty()) {
      const int signal = signals_.Wait(kTick);
      if (signal == SIGTERM || signal == SIGINT) Stop(signal);
      Reap();
    }
    return failure_;
  }

  void Stop(int signal) {
    stopping_ = true;
    for (const pid_t child : children_) kill(child, signal);
  }

 private:
  [[noreturn]] void RunChild() {
    signals_.Restore();
    prctl(PR_SET_PDEATHSIG, SIGTERM);  // no orphans when the parent is killed
    const absl::Status status = work_();
    if (!status.ok()) std::cerr << "loupe-worker: " << status.message() << std::endl;
    _exit(status.ok() ? 0 : 1);
  }

  void Reap() {
    int how = 0;
    for (pid_t child = waitpid(-1, &how, WNOHANG); child > 0; child = waitpid(-1, &how, WNOHANG)) {
      children_.erase(child);
      if (WIFSIGNALED(how) && !stopping_) {
        const timespec pause = {.tv_sec = 1, .tv_nsec = 0};
        nanosleep(&pause, nullptr);
        if (absl::Status started = Start(); !started.ok()) failure_.Update(started);
      } else if (WIFEXITED(how) && WEXITSTATUS(how) != 0) {
        failure_.Update(absl::InternalError("a worker process has failed"));
        if (!stopping_) Stop(SIGTERM);
      }
    }
  }

  const std::function<absl::Status()>& work_;
  SignalPipe signals_;
  std::set<pid_t> children_;
  bool stopping_ = false;
  absl::Status failure_;
};

}  // namespace

absl::Status RunProcesses(int count, const std::function<absl::Status()>& work) {
  ProcessGroup group(work);
  absl::Status started;
  for (int i = 0; i < count && started.ok(); ++i) started = group.Start();
  if (!started.ok()) group.Stop(SIGTERM);
  absl::Status ended = group.WaitForAll();
  return started.ok() ? ended : started;
}

}  // namespace loupe
