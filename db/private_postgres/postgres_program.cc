#include "db/private_postgres/postgres_program.h"

#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace loupe {
namespace {

namespace fs = std::filesystem;

constexpr char kInstalled[] = "/usr/lib/postgresql";
constexpr char kUser[] = "postgres";

bool HoldsPrograms(const fs::path& folder) {
  return access((folder / "initdb").c_str(), X_OK) == 0 && access((folder / "postgres").c_str(), X_OK) == 0;
}

std::optional<fs::path> NewestInstalled() {
  std::optional<fs::path> newest;
  int newest_version = 0;
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(kInstalled, ignored)) {
    int version = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &version) || version <= newest_version) continue;
    if (!HoldsPrograms(entry.path() / "bin")) continue;
    newest_version = version;
    newest = entry.path() / "bin";
  }
  return newest;
}

std::optional<fs::path> OnPath() {
  const char* path = getenv("PATH");
  if (path == nullptr) return std::nullopt;
  for (const absl::string_view folder : absl::StrSplit(path, ':')) {
    if (HoldsPrograms(fs::path(std::string(folder)))) return fs::path(std::string(folder));
  }
  return std::nullopt;
}

// The two argument objects of posix_spawn, freed together.
struct SpawnSettings {
  SpawnSettings() {
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
  }
  ~SpawnSettings() {
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
};

void Fill(const PostgresCommand& command, SpawnSettings& settings) {
  posix_spawn_file_actions_addopen(&settings.actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&settings.actions, command.log, 1);
  posix_spawn_file_actions_adddup2(&settings.actions, command.log, 2);
  posix_spawn_file_actions_adddup2(&settings.actions, command.data_folder, 3);
  posix_spawn_file_actions_addclosefrom_np(&settings.actions, 4);
  posix_spawn_file_actions_addchdir_np(&settings.actions, "/");
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&settings.attributes, &none);
  posix_spawnattr_setsigdefault(&settings.attributes, &all);
  posix_spawnattr_setflags(&settings.attributes,
                           POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

}  // namespace

absl::StatusOr<PostgresPrograms> PostgresPrograms::Find(const std::string& major_version) {
  if (geteuid() == 0 && getpwnam(kUser) == nullptr) {
    return absl::FailedPreconditionError(
        "PostgreSQL refuses to run as root, and there is no user `postgres`: install PostgreSQL's package, "
        "run "
        "as another user, or name a database with --database-url");
  }
  std::optional<fs::path> folder;
  if (major_version.empty()) {
    folder = NewestInstalled();
    if (!folder) folder = OnPath();
  } else if (const fs::path named = fs::path(kInstalled) / major_version / "bin"; HoldsPrograms(named)) {
    folder = named;
  } else {
    folder = OnPath();
  }
  if (folder) return PostgresPrograms(*folder);
  return absl::FailedPreconditionError(
      absl::StrCat("PostgreSQL", major_version.empty() ? "" : " " + major_version,
                   " is not installed: install it, or name a database with --database-url"));
}

absl::Status PostgresPrograms::Own(const fs::path& folder) const {
  if (geteuid() == 0) {
    const passwd* user = getpwnam(kUser);
    if (user == nullptr || chown(folder.c_str(), user->pw_uid, user->pw_gid) != 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("can't give ", folder.string(), " to the user `postgres`: ", strerror(errno)));
    }
  }
  if (chmod(folder.c_str(), 0700) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("can't close ", folder.string(), ": ", strerror(errno)));
}

absl::StatusOr<pid_t> PostgresPrograms::Spawn(const PostgresCommand& command) const {
  std::vector<std::string> words;
  if (geteuid() == 0) {
    words = {"setpriv", absl::StrCat("--reuid=", kUser), absl::StrCat("--regid=", kUser), "--init-groups",
             "--"};
  }
  words.push_back((folder_ / command.program).string());
  words.insert(words.end(), {"-D", "/proc/self/fd/3"});
  words.insert(words.end(), command.arguments.begin(), command.arguments.end());
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  SpawnSettings settings;
  Fill(command, settings);
  pid_t pid = 0;
  const int error =
      posix_spawnp(&pid, argv[0], &settings.actions, &settings.attributes, argv.data(), environ);
  if (error == 0) return pid;
  return absl::FailedPreconditionError(absl::StrCat("can't start ", words[0], ": ", strerror(error)));
}

bool IsAlive(pid_t pid, const std::string& name) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  std::string line;
  // "123 (postgres) S …"; a name may hold parentheses and spaces.
  if (!std::getline(file, line)) return false;
  const size_t open = line.find('(');
  const size_t close = line.rfind(')');
  if (open == std::string::npos || close == std::string::npos || close + 2 >= line.size()) return false;
  const char state = line[close + 2];
  return line.substr(open + 1, close - open - 1) == name && state != 'Z' && state != 'X';
}

}  // namespace loupe
