#include "worker/training/child_processes.h"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <iostream>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "worker/training/signal_pipe.h"

namespace loupe {
namespace {

// SIGCHLD tells that a child has ended. The timeout is for the case that this signal is lost.
constexpr absl::Duration kChildPoll = absl::Seconds(1);

class ChildProcesses {
 public:
  ChildProcesses(OnDeath on_death, const std::function<absl::Status(int)>& work)
      : on_death_(on_death), work_(work), signals_({SIGTERM, SIGINT, SIGCHLD}) {}
  ChildProcesses(const ChildProcesses&) = delete;
  ChildProcesses& operator=(const ChildProcesses&) = delete;

  absl::Status Start(int index) {
    const pid_t child = fork();
    if (child < 0)
      return absl::ResourceExhaustedError(absl::StrCat("cannot start a process: ", std::strerror(errno)));
    if (child == 0) RunChild(index);
    children_[child] = index;
    return absl::OkStatus();
  }

  absl::Status WaitForAll() {
    while (!children_.empty()) {
      const int signal = signals_.Wait(kChildPoll);
      if (signal == SIGTERM || signal == SIGINT) {
        if (on_death_ == OnDeath::kStopOthers)
          failure_.Update(absl::CancelledError(absl::StrCat("stopped by ", Name(signal))));
        Stop(signal);
      }
      Reap();
    }
    if (failure_.ok() && cut_off_) return absl::InternalError("the processes can no longer reach each other");
    return failure_;
  }

  void Stop(int signal) {
    stopping_ = true;
    for (const auto& [child, index] : children_) kill(child, signal);
  }

 private:
  static constexpr int kFailed = 1;
  static constexpr int kCutOff = 3;  // it ended because another child is gone

  static std::string Name(int signal) {
    return absl::StrCat("signal ", signal, " (", strsignal(signal), ")");
  }

  [[noreturn]] void RunChild(int index) {
    signals_.Restore();
    prctl(PR_SET_PDEATHSIG, SIGTERM);  // no orphans when the parent is killed
    const absl::Status status = work_(index);
    if (absl::IsAborted(status)) _exit(kCutOff);
    if (!status.ok()) std::cerr << "loupe-worker: " << status.message() << std::endl;
    _exit(status.ok() ? 0 : kFailed);
  }

  void Reap() {
    int how = 0;
    for (pid_t child = waitpid(-1, &how, WNOHANG); child > 0; child = waitpid(-1, &how, WNOHANG)) {
      const int index = children_.extract(child).mapped();
      if (WIFSIGNALED(how) && !stopping_) {
        on_death_ == OnDeath::kRestart ? Restart(index) : Died(WTERMSIG(how));
      } else if (WIFEXITED(how) && WEXITSTATUS(how) == kCutOff) {
        cut_off_ = true;  // the child that is gone reports why
      } else if (WIFEXITED(how) && WEXITSTATUS(how) != 0) {
        failure_.Update(absl::InternalError("a worker process has failed"));
        if (!stopping_) Stop(SIGTERM);
      }
    }
  }

  void Restart(int index) {
    const timespec pause = {.tv_sec = 1, .tv_nsec = 0};
    nanosleep(&pause, nullptr);
    if (absl::Status started = Start(index); !started.ok()) failure_.Update(started);
  }

  void Died(int signal) {
    failure_.Update(absl::InternalError(
        absl::StrCat("a worker process was ended by ", Name(signal), "; the others were stopped too")));
    Stop(SIGTERM);
  }

  OnDeath on_death_;
  const std::function<absl::Status(int)>& work_;
  SignalPipe signals_;
  std::map<pid_t, int> children_;  // the index of each
  bool stopping_ = false;
  bool cut_off_ = false;
  absl::Status failure_;
};

}  // namespace

absl::Status RunProcesses(int count, OnDeath on_death, const std::function<absl::Status(int)>& work) {
  ChildProcesses children(on_death, work);
  absl::Status started;
  for (int i = 0; i < count && started.ok(); ++i) started = children.Start(i);
  if (!started.ok()) children.Stop(SIGTERM);
  absl::Status ended = children.WaitForAll();
  return started.ok() ? ended : started;
}

}  // namespace loupe
