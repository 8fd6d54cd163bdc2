#include "client/cli/daemon.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "client/cli/print.h"
#include "content/steady_clock.h"

namespace loupe {
namespace {

constexpr size_t kTailLines = 5;
constexpr absl::Duration kPingInterval = absl::Milliseconds(20);

// When the process started, in ticks since boot; nullopt when there is no such process or it has ended. One
// whose first thread has ended goes on with the others: its files and locks are still open.
std::optional<uint64_t> StartTicks(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  const std::string text(std::istreambuf_iterator<char>(file), {});
  // proc(5): `pid (name) state …`. The name may contain spaces and brackets, so look for the last bracket.
  const size_t end_of_name = text.rfind(')');
  if (end_of_name == std::string::npos) return std::nullopt;
  const std::vector<std::string> fields =
      absl::StrSplit(text.substr(end_of_name + 1), ' ', absl::SkipEmpty());
  uint64_t ticks;
  if (fields.size() < 20 || !absl::SimpleAtoi(fields[19], &ticks)) return std::nullopt;
  const bool has_ended = (fields[0] == "Z" || fields[0] == "X") && (fields[17] == "0" || fields[17] == "1");
  return has_ended ? std::nullopt : std::optional(ticks);
}

class SpawnSettings {
 public:
  SpawnSettings(const char* log) {
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0640);
    posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
};

}  // namespace

std::optional<pid_t> Daemon::Running() const {
  std::ifstream file(pid_file_);
  pid_t pid = 0;
  uint64_t ticks = 0;
  if (!(file >> pid >> ticks) || pid <= 0) return std::nullopt;
  // If it is a child of this process and has ended, it stays a zombie until it is waited for.
  waitpid(pid, nullptr, WNOHANG);
  return StartTicks(pid) == ticks ? std::optional(pid) : std::nullopt;
}

absl::Status Daemon::Start(const std::filesystem::path& program,
                           const std::vector<std::string>& arguments) const {
  std::vector<std::string> words = {program.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const SpawnSettings settings(log_file_.c_str());
  pid_t pid;
  const int error =
      posix_spawn(&pid, program.c_str(), &settings.files, &settings.attributes, argv.data(), environ);
  if (error != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("can't start ", program.string(), ": ", std::strerror(error)));
  }
  const uint64_t ticks = StartTicks(pid).value_or(0);
  std::ofstream file(pid_file_, std::ios::trunc);
  if (!(file << pid << "\n" << ticks << std::endl)) {
    kill(pid, SIGTERM);
    return absl::FailedPreconditionError(
        absl::StrCat("can't write ", pid_file_.string(), ": ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

bool Daemon::Stop(absl::Duration patience) const {
  const Stopwatch waited;
  bool killed = false;
  if (const auto pid = Running()) kill(*pid, SIGTERM);
  while (const auto pid = Running()) {
    if (waited.Elapsed() > patience) {
      kill(*pid, SIGKILL);
      killed = true;
    }
    absl::SleepFor(kPingInterval);
  }
  std::error_code ignored;
  std::filesystem::remove(pid_file_, ignored);
  return killed;
}

std::string Daemon::LogTail() const {
  std::ifstream file(log_file_);
  std::deque<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    lines.push_back("  " + Printable(line));
    if (lines.size() > kTailLines) lines.pop_front();
  }
  return absl::StrJoin(lines, "\n");
}

absl::StatusOr<std::filesystem::path> FindProgram(const std::string& name) {
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  std::vector<std::filesystem::path> folders;
  if (!error) folders.push_back(self.parent_path());
  const char* path = std::getenv("PATH");
  for (const absl::string_view folder : absl::StrSplit(path == nullptr ? "" : path, ':', absl::SkipEmpty())) {
    folders.emplace_back(std::string(folder));
  }
  for (const std::filesystem::path& folder : folders) {
    if (access((folder / name).c_str(), X_OK) == 0) return folder / name;
  }
  return absl::NotFoundError(absl::StrCat(name, " is neither beside this program nor on PATH"));
}

bool IsFree(const std::string& address) {
  const size_t colon = address.rfind(':');
  sockaddr_in name = {};
  name.sin_family = AF_INET;
  uint32_t port;
  if (colon == std::string::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port) || port == 0 ||
      port > 65535 || inet_pton(AF_INET, address.substr(0, colon).c_str(), &name.sin_addr) != 1) {
    return false;
  }
  name.sin_port = htons(static_cast<uint16_t>(port));
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  // As servers set it: old connections in TIME_WAIT don't count, a listener does.
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const bool free =
      bind(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0 && listen(fd, 1) == 0;
  close(fd);
  return free;
}

}  // namespace loupe
