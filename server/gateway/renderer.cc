#include "server/gateway/renderer.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include <spdlog/spdlog.h>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "content/steady_clock.h"

namespace loupe {
namespace {

constexpr absl::Duration kRenderPatience = absl::Seconds(30);
constexpr size_t kMaxLine = 4096;

}  // namespace

absl::Status Renderer::Start() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return absl::InternalError(absl::StrCat("can't make a socket: ", std::strerror(errno)));
  }
  FileHandle own(ends[0]);
  const FileHandle theirs(ends[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, theirs.get(), STDOUT_FILENO);
  // Its libraries warn of every odd picture.
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  // The coordinator's threads block signals that end a program.
  posix_spawnattr_t attributes;
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  const std::string path = program_.string();
  char* const arguments[] = {const_cast<char*>(path.c_str()), nullptr};
  // OpenBLAS, which comes with OpenCV's libraries, would start a thread for each core.
  char threads[] = "OPENBLAS_NUM_THREADS=1";
  char* const environment[] = {threads, nullptr};
  const int failed = posix_spawn(&process_, path.c_str(), &actions, &attributes, arguments, environment);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    process_ = 0;
    return absl::InternalError(absl::StrCat("can't start ", path, ": ", std::strerror(failed)));
  }
  socket_ = std::move(own);
  return absl::OkStatus();
}

void Renderer::Stop() {
  socket_ = FileHandle();
  if (process_ == 0) return;
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
  process_ = 0;
}

absl::StatusOr<std::string> Renderer::Ask(const std::string& line) {
  const auto ended = absl::UnavailableError("it ended");
  if (send(socket_.get(), line.data(), line.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(line.size()))
    return ended;
  const Stopwatch waited;
  std::string answer;
  while (answer.size() < kMaxLine) {
    const absl::Duration left = kRenderPatience - waited.Elapsed();
    pollfd watched = {socket_.get(), POLLIN, 0};
    const int ready = left > absl::ZeroDuration()
                          ? poll(&watched, 1, static_cast<int>(absl::ToInt64Milliseconds(left)) + 1)
                          : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return absl::DeadlineExceededError("it took too long");
    char bytes[512];
    const ssize_t got = recv(socket_.get(), bytes, sizeof(bytes), 0);
    if (got <= 0) return ended;
    answer.append(bytes, static_cast<size_t>(got));
    if (answer.back() == '\n') return answer.substr(0, answer.size() - 1);
  }
  return ended;
}

absl::Status Renderer::Render(const std::filesystem::path& in, const std::filesystem::path& out, int max_side,
                              IntensityRange range) {
  const std::string line =
      absl::StrCat(in.string(), "\t", out.string(), "\t", max_side, "\t", range.low, "\t", range.high, "\n");
  absl::StatusOr<std::string> answer = absl::UnavailableError("it doesn't run");
  // An idle one ends by itself: the second time it is a new one.
  for (int attempt = 0; attempt < 2 && absl::IsUnavailable(answer.status()); ++attempt) {
    if (process_ == 0) {
      if (const absl::Status started = Start(); !started.ok()) return started;
    }
    answer = Ask(line);
    if (!answer.ok()) Stop();
  }
  if (!answer.ok()) {
    spdlog::warn("the renderer, at {}: {}", in.string(), std::string(answer.status().message()));
    if (!has_answered_) {
      return absl::InternalError(absl::StrCat(program_.string(), " ends at once: run it by hand to see why"));
    }
    return absl::InvalidArgumentError("the picture can't be rendered: it takes too much time or memory");
  }
  has_answered_ = true;
  if (*answer == "ok") return absl::OkStatus();
  absl::string_view problem = *answer;
  if (absl::ConsumePrefix(&problem, "failed ")) return absl::InternalError(problem);
  absl::ConsumePrefix(&problem, "error ");
  absl::ConsumePrefix(&problem, absl::StrCat(in.string(), ": "));
  return absl::InvalidArgumentError(problem);
}

}  // namespace loupe
