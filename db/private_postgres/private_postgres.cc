#include "db/private_postgres/private_postgres.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include <spdlog/spdlog.h>
#include <pqxx/connection>
#include <pqxx/except>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "content/log_keeper.h"
#include "db/connection_pool.h"
#include "db/migrate.h"

namespace loupe {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kPoll = absl::Milliseconds(100);
constexpr absl::Duration kStartPatience = absl::Minutes(10);
constexpr absl::Duration kRetryTime = absl::Seconds(15);
constexpr absl::Duration kStopPatience = absl::Seconds(20);
constexpr char kSocketLock[] = ".s.PGSQL.5432.lock";

std::string FirstLine(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

absl::Status Refused(const std::string& what) {
  return absl::FailedPreconditionError(absl::StrCat(what, ": ", strerror(errno)));
}

absl::Status MakeFolder(const fs::path& folder) {
  if (mkdir(folder.c_str(), 0755) == 0 || errno == EEXIST) return absl::OkStatus();
  return Refused(absl::StrCat("can't make ", folder.string()));
}

bool WorksIn(const std::string& pid, const fs::path& folder) {
  std::error_code error;
  const fs::path working = fs::read_symlink(fs::path("/proc") / pid / "cwd", error);
  return !error && fs::equivalent(working, folder, error) && !error;
}

// When a postmaster was killed, its processes end by themselves within moments. Until then a new server must
// not start, since they still use its files.
void WaitForOrphans(const fs::path& folder) {
  for (const Stopwatch waited; waited.Elapsed() < absl::Seconds(30); absl::SleepFor(kPoll)) {
    bool found = false;
    std::error_code ignored;
    for (const fs::directory_entry& entry : fs::directory_iterator("/proc", ignored)) {
      const std::string name = entry.path().filename().string();
      found = found || (name.find_first_not_of("0123456789") == std::string::npos && WorksIn(name, folder));
    }
    if (!found) return;
  }
}

// The process id in `postmaster.pid`, if that process is a server on this folder. After a restart of the
// machine another process may have this id.
pid_t RunningServer(const fs::path& folder) {
  int pid = 0;
  if (!absl::SimpleAtoi(FirstLine(folder / "postmaster.pid"), &pid) || !IsAlive(pid, "postgres")) return 0;
  std::error_code error;
  const fs::path working = fs::read_symlink(absl::StrCat("/proc/", pid, "/cwd"), error);
  if (working.empty()) return pid;  // it belongs to another user and can't be seen: trust the file
  return WorksIn(std::to_string(pid), folder) ? pid : 0;
}

// An eighth of the machine's memory, from 128 MiB (what PostgreSQL takes by itself) to 1 GiB. It is taken as
// the database grows.
int64_t SharedBuffersMiB() {
  const int64_t memory = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  return std::clamp<int64_t>(memory / 8 >> 20, 128, 1024);
}

}  // namespace

absl::StatusOr<std::unique_ptr<PrivatePostgres>> PrivatePostgres::Start(const fs::path& data_dir) {
  auto programs = PostgresPrograms::Find(FirstLine(data_dir / "postgres" / "PG_VERSION"));
  if (!programs.ok()) return programs.status();
  auto postgres = std::unique_ptr<PrivatePostgres>(new PrivatePostgres(*std::move(programs), data_dir));
  if (const absl::Status opened = postgres->Open(); !opened.ok()) return opened;
  if (const absl::Status launched = postgres->Launch(); !launched.ok()) return launched;
  if (const absl::Status ready = postgres->WaitUntilItAccepts(); !ready.ok()) return ready;
  postgres->supervisor_ = std::thread([&self = *postgres] { self.Supervise(); });
  return postgres;
}

PrivatePostgres::~PrivatePostgres() {
  Stop();
  for (const int descriptor : {data_folder_, log_, lock_}) {
    if (descriptor >= 0) close(descriptor);
  }
}

std::string PrivatePostgres::UrlOf(const char* user, const std::string& database) const {
  return absl::StrCat("host=/proc/self/fd/", data_folder_, " port=5432 user=", user, " dbname=", database);
}

std::string PrivatePostgres::Url(const std::string& database) const { return UrlOf("loupe", database); }

std::string PrivatePostgres::ServiceUrl(const std::string& database) const {
  return UrlOf(kServiceRole, database);
}

pid_t PrivatePostgres::pid() const {
  absl::MutexLock lock(&mutex_);
  return pid_;
}

absl::Status PrivatePostgres::Open() {
  const fs::path lock_file = data_dir_ / "postgres.lock";
  lock_ = open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0) return Refused(absl::StrCat("can't write ", lock_file.string()));
  if (flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    return absl::FailedPreconditionError(absl::StrCat("another coordinator runs on ", data_dir_.string(),
                                                      ": stop it, or give this one another --data-dir"));
  }
  if (const absl::Status made = MakeFolder(data_dir_ / "logs"); !made.ok()) return made;
  const fs::path log_file = data_dir_ / "logs" / "postgres.log";
  log_ = open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (log_ < 0) return Refused(absl::StrCat("can't write ", log_file.string()));

  const fs::path folder = data_dir_ / "postgres";
  if (!fs::exists(folder)) {
    if (const absl::Status made = MakeCluster(); !made.ok()) return made;
  }
  if (!fs::exists(folder / "PG_VERSION")) {
    return absl::FailedPreconditionError(
        absl::StrCat(folder.string(), " is no PostgreSQL data folder: move it away"));
  }
  data_folder_ = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (data_folder_ < 0) return Refused(absl::StrCat("can't open ", folder.string()));
  return absl::OkStatus();
}

// Creates the cluster under another name and renames it when it is complete, so that a start that was
// interrupted begins again.
absl::Status PrivatePostgres::MakeCluster() {
  const fs::path unfinished = data_dir_ / "postgres.unfinished";
  std::error_code ignored;
  fs::remove_all(unfinished, ignored);
  if (const absl::Status made = MakeFolder(unfinished); !made.ok()) return made;
  if (const absl::Status owned = programs_.Own(unfinished); !owned.ok()) return owned;
  const int folder = open(unfinished.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return Refused(absl::StrCat("can't open ", unfinished.string()));
  const auto pid = programs_.Spawn(
      {"initdb", {"--username=loupe", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8"}, folder, log_});
  close(folder);
  if (!pid.ok()) return pid.status();
  int status = 0;
  waitpid(*pid, &status, 0);
  if (status != 0) {
    return absl::FailedPreconditionError(absl::StrCat("initdb failed: ", LastLogLine()));
  }
  if (rename(unfinished.c_str(), (data_dir_ / "postgres").c_str()) != 0)
    return Refused("can't keep the new database");
  return absl::OkStatus();
}

absl::Status PrivatePostgres::Launch() {
  const fs::path folder = data_dir_ / "postgres";
  absl::MutexLock lock(&mutex_);
  pid_ = RunningServer(folder);
  is_child_ = false;
  if (pid_ != 0) {
    spdlog::info("PostgreSQL runs already as process {}", pid_);
    return absl::OkStatus();
  }
  WaitForOrphans(folder);
  int left_behind = 0;
  if (absl::SimpleAtoi(FirstLine(folder / "postmaster.pid"), &left_behind) && kill(left_behind, 0) == 0) {
    // Another process has this id now. PostgreSQL would take that process for its own postmaster.
    unlink((folder / "postmaster.pid").c_str());
    unlink((folder / kSocketLock).c_str());
  }
  const auto pid =
      programs_.Spawn({"postgres",
                       {"-c", "listen_addresses=", "-c", "unix_socket_directories=.", "-c", "port=5432", "-c",
                        "fsync=on", "-c", absl::StrCat("shared_buffers=", SharedBuffersMiB(), "MB")},
                       data_folder_,
                       log_});
  if (!pid.ok()) return pid.status();
  pid_ = *pid;
  is_child_ = true;
  spdlog::info("PostgreSQL started as process {}", pid_);
  return absl::OkStatus();
}

bool PrivatePostgres::Runs() {
  absl::MutexLock lock(&mutex_);
  if (pid_ == 0) return false;
  const bool runs = is_child_ ? waitpid(pid_, nullptr, WNOHANG) == 0 : IsAlive(pid_, "postgres");
  if (!runs) pid_ = 0;
  return runs;
}

bool PrivatePostgres::AcceptsConnections() const {
  try {
    pqxx::connection connection(WithTimeouts(Url("postgres")));
    return true;
  } catch (const pqxx::broken_connection&) {
    return false;
  }
}

absl::Status PrivatePostgres::WaitUntilItAccepts() {
  // Processes of a killed server hold its shared memory for a moment. Until they are gone, a new server ends
  // at once.
  for (const Stopwatch waited; waited.Elapsed() < kStartPatience; absl::SleepFor(kPoll)) {
    if (AcceptsConnections()) return absl::OkStatus();
    if (Runs()) continue;
    if (waited.Elapsed() > kRetryTime) break;
    if (const absl::Status launched = Launch(); !launched.ok()) return launched;
    absl::SleepFor(absl::Milliseconds(500));
  }
  return absl::FailedPreconditionError(absl::StrCat("PostgreSQL doesn't start: ", LastLogLine(), " (",
                                                    (data_dir_ / "logs" / "postgres.log").string(), ")"));
}

void PrivatePostgres::Supervise() {
  for (absl::Duration wait = kPoll; !stop_.WaitFor(wait);) {
    wait = kPoll;
    CutLog(log_);
    if (Runs()) continue;
    spdlog::error("PostgreSQL ended: {}; starting it again", LastLogLine());
    if (const absl::Status launched = Launch(); !launched.ok())
      spdlog::error("{}", launched.message().data());
    wait = absl::Milliseconds(500);  // a server that can't start is tried twice per second
  }
}

void PrivatePostgres::Stop() {
  stop_.Set();
  if (supervisor_.joinable()) supervisor_.join();
  for (const int signal : {SIGINT, SIGQUIT, SIGKILL}) {  // fast shutdown, immediate shutdown, kill
    if (!Runs()) return;
    kill(pid(), signal);  // not 0: the server runs, and no other thread changes the id any more
    for (const Stopwatch waited; waited.Elapsed() < kStopPatience && Runs();) {
      absl::SleepFor(absl::Milliseconds(10));
    }
  }
}

std::string PrivatePostgres::LastLogLine() const {
  std::ifstream file(data_dir_ / "logs" / "postgres.log", std::ios::ate);
  file.seekg(std::max<std::streamoff>(0, static_cast<std::streamoff>(file.tellg()) - 4096));
  std::string last = "its log is empty", fatal;
  for (std::string line; std::getline(file, line);) {
    if (!line.empty()) last = line;
    const bool is_fatal = absl::StrContains(line, "FATAL:") || absl::StrContains(line, "PANIC:");
    if (is_fatal) fatal = line;
  }
  return fatal.empty() ? last : fatal;  // the last may only say that it is shut down
}

}  // namespace loupe
