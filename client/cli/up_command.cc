// loupe up, loupe down: coordinator, its private Postgres and a worker on this machine.
#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/commands.h"
#include "client/cli/daemon.h"
#include "client/cli/health.h"
#include "client/cli/secret_file.h"
#include "client/lib/request_id.h"
#include "content/private_folder.h"
#include "content/steady_clock.h"
#include "loupe/v1/session.grpc.pb.h"
#include "loupe/v1/token.grpc.pb.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

namespace fs = std::filesystem;

// Long, since the first start creates the database.
constexpr absl::Duration kServerPatience = absl::Minutes(2);
// Both have something to finish: the worker saves a checkpoint, the coordinator stops its Postgres. Who is
// not done by then is ended.
constexpr absl::Duration kWorkerStop = absl::Minutes(1);
constexpr absl::Duration kServerStop = absl::Seconds(20);
constexpr absl::Duration kPostgresStop = absl::Seconds(20);
// A coordinator that ran already and doesn't answer within this time is started again.
constexpr absl::Duration kAnswer = absl::Seconds(10);
// A worker that can't work, e.g. because of a wrong token, ends within this time.
constexpr absl::Duration kWorkerProof = absl::Seconds(1);
constexpr absl::Duration kPollInterval = absl::Milliseconds(50);

struct UpOptions {
  bool no_worker = false;
};

struct DownOptions {};

// What `up` keeps in its folder.
struct House {
  explicit House(const fs::path& dir)
      : dir(dir),
        server(dir / "server.pid", dir / "logs" / "server.log"),
        worker(dir / "worker.pid", dir / "logs" / "worker.log") {}
  fs::path dir;
  Daemon server;
  Daemon worker;
};

// Held while `up` or `down` works, so that two of them can't start two coordinators.
class FolderLock {
 public:
  static absl::StatusOr<FolderLock> Take(const fs::path& dir) {
    const fs::path path = dir / "up.lock";
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0)
      return absl::FailedPreconditionError(
          absl::StrCat("can't write ", path.string(), ": ", std::strerror(errno)));
    FolderLock lock(fd);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("another `loupe up` or `loupe down` works on ", dir.string()));
    }
    return lock;
  }
  FolderLock(FolderLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FolderLock& operator=(FolderLock&&) = delete;
  ~FolderLock() {
    if (fd_ >= 0) close(fd_);
  }

 private:
  explicit FolderLock(int fd) : fd_(fd) {}
  int fd_;
};

std::string FirstLine(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

absl::Status MakeFolders(const fs::path& dir) {
  for (const fs::path& folder : {dir, dir / "logs"}) {
    if (folder == dir && fs::is_directory(dir)) continue;  // it may hold other things, too
    if (const std::error_code error = MakePrivateFolder(folder)) {
      return absl::FailedPreconditionError(
          absl::StrCat("can't make ", folder.string(), ": ", error.message()));
    }
  }
  return absl::OkStatus();
}

// Of the private PostgreSQL, which outlives a coordinator that was killed; 0: it doesn't run.
pid_t PostgresPid(const House& house) {
  const fs::path folder = house.dir / "postgres";
  pid_t pid = 0;
  std::error_code error;
  if (!absl::SimpleAtoi(FirstLine(folder / "postmaster.pid"), &pid) || pid <= 0) return 0;
  // Another process may have the number by now; PostgreSQL works in its own folder.
  return fs::read_symlink(absl::StrCat("/proc/", pid, "/cwd"), error) == folder ? pid : 0;
}

void StopPostgres(const House& house) {
  const Stopwatch waited;
  if (const pid_t pid = PostgresPid(house); pid != 0) kill(pid, SIGINT);
  while (const pid_t pid = PostgresPid(house)) {
    if (waited.Elapsed() > kPostgresStop) kill(pid, SIGKILL);
    absl::SleepFor(kPollInterval);
  }
}

// Waits until the coordinator serves; returns a connection to it.
absl::StatusOr<Connection> WaitForServer(const House& house, absl::Duration patience) {
  for (const Stopwatch waited; waited.Elapsed() < patience;) {
    if (!house.server.Running()) {
      return absl::FailedPreconditionError(absl::StrCat("the coordinator ended at its start; ",
                                                        house.server.log_file().string(), " ends with\n",
                                                        house.server.LogTail()));
    }
    GlobalOptions options;
    options.dir = house.dir;
    const absl::StatusOr<Endpoint> endpoint = ResolveEndpoint(options, [](const char*) { return nullptr; });
    if (endpoint.ok()) {
      absl::StatusOr<Connection> connection = Connect(*endpoint);
      if (!connection.ok()) return connection.status();
      if (IsServing(*connection, absl::Seconds(2))) return connection;
    }
    absl::SleepFor(kPollInterval);
  }
  return absl::DeadlineExceededError(absl::StrCat("the coordinator does not serve after ",
                                                  absl::FormatDuration(patience), "; see ",
                                                  house.server.log_file().string()));
}

absl::Status StartServer(const House& house) {
  const auto program = FindProgram("loupe-server");
  if (!program.ok()) return program.status();
  // Ask for the same port as before, so that annotators and workers find the coordinator again.
  const fs::path address_file = house.dir / "server.address";
  std::string address = FirstLine(address_file);
  if (!IsFree(address)) {
    // Another program listens there now. Without the file, no command takes it for the coordinator.
    std::error_code ignored;
    fs::remove(address_file, ignored);
    address = "127.0.0.1:0";
  }
  // Likewise for the pages, which people have as bookmarks.
  const fs::path http_file = house.dir / "http.address";
  std::string http_address = FirstLine(http_file);
  if (!IsFree(http_address)) {
    std::error_code ignored;
    fs::remove(http_file, ignored);
    http_address = "127.0.0.1:0";
  }
  return house.server.Start(
      *program, {"--data-dir", house.dir.string(), "--listen", address, "--http-listen", http_address});
}

// Where the pages are, and a link that logs in. Nothing, of a coordinator that was started without them.
absl::Status PrintPages(const Connection& connection) {
  v1::SessionService::Stub stub(connection.channel());
  const auto link =
      Call(connection, stub, &v1::SessionService::Stub::CreateLoginLink, v1::CreateLoginLinkRequest());
  if (ErrorReason(link.status()) == "NO_GATEWAY") return absl::OkStatus();
  if (!link.ok()) return link.status();
  const std::string page = link->url().substr(0, link->url().find('#'));
  std::printf("pages        %s\n", page.c_str());
  std::printf("log in       %s (once, within a day)\n", link->url().c_str());
  return absl::OkStatus();
}

absl::Status MakeWorkerToken(const Connection& connection, const fs::path& path) {
  if (fs::exists(path)) return absl::OkStatus();
  v1::TokenService::Stub stub(connection.channel());
  v1::CreateTokenRequest request;
  request.set_request_id(NewRequestId());
  request.set_role(v1::WORKER);
  const auto created = Call(connection, stub, &v1::TokenService::Stub::CreateToken, request);
  if (!created.ok()) return created.status();
  return WriteSecretFile(path, created->secret());
}

// Whether the worker that runs was started for this address. At another one it would send its token to
// whoever listens there now.
bool WorksFor(const House& house, const std::string& address) {
  std::ifstream file(absl::StrCat("/proc/", house.worker.Running().value_or(0), "/cmdline"));
  for (std::string argument; std::getline(file, argument, '\0');) {
    if (argument == address) return true;
  }
  return false;
}

absl::Status StartWorker(const House& house, const Connection& connection) {
  const auto program = FindProgram("loupe-worker");
  if (!program.ok()) return program.status();
  const fs::path token = house.dir / "worker.token";
  if (absl::Status made = MakeWorkerToken(connection, token); !made.ok()) return made;
  absl::Status started = house.worker.Start(
      *program, {"run", "--server", FirstLine(house.dir / "server.address"), "--token-file", token.string(),
                 "--cache-dir", (house.dir / "worker-cache").string()});
  if (!started.ok()) return started;
  for (const Stopwatch waited; waited.Elapsed() < kWorkerProof; absl::SleepFor(kPollInterval)) {
    if (house.worker.Running()) continue;
    return absl::FailedPreconditionError(absl::StrCat("the worker ended at its start; ",
                                                      house.worker.log_file().string(), " ends with\n",
                                                      house.worker.LogTail()));
  }
  return absl::OkStatus();
}

absl::Status Up(const Context& context, const UpOptions& options) {
  const absl::StatusOr<std::string> given = context.Dir();
  if (!given.ok()) return given.status();
  if (absl::Status made = MakeFolders(*given); !made.ok()) return made;
  const House house(fs::canonical(*given));
  const absl::StatusOr<FolderLock> lock = FolderLock::Take(house.dir);
  if (!lock.ok()) return lock.status();

  bool server_ran = house.server.Running().has_value();
  if (server_ran && !WaitForServer(house, kAnswer).ok()) {
    std::printf("coordinator  does not answer: started again\n");
    house.server.Stop(kServerStop);
    server_ran = false;
  }
  if (!server_ran) {
    if (absl::Status started = StartServer(house); !started.ok()) return started;
  }
  const absl::StatusOr<Connection> connection = WaitForServer(house, kServerPatience);
  if (!connection.ok()) return connection.status();
  std::printf("coordinator  %s, process %d%s, log %s\n", FirstLine(house.dir / "server.address").c_str(),
              house.server.Running().value_or(0), server_ran ? " (ran already)" : "",
              house.server.log_file().c_str());
  if (!options.no_worker) {
    bool worker_ran = house.worker.Running().has_value();
    if (worker_ran && !WorksFor(house, FirstLine(house.dir / "server.address"))) {
      house.worker.Stop(kWorkerStop);
      worker_ran = false;
    }
    if (!worker_ran) {
      if (absl::Status started = StartWorker(house, *connection); !started.ok()) return started;
    }
    std::printf("worker       process %d%s, log %s\n", house.worker.Running().value_or(0),
                worker_ran ? " (ran already)" : "", house.worker.log_file().c_str());
  }
  if (absl::Status printed = PrintPages(*connection); !printed.ok()) return printed;
  std::printf("token        %s\n", (house.dir / "admin.token").c_str());
  std::printf("now          loupe status --dir %s\n", ShellWord(*given).c_str());
  return absl::OkStatus();
}

absl::Status Down(const Context& context, const DownOptions&) {
  const absl::StatusOr<std::string> given = context.Dir();
  if (!given.ok()) return given.status();
  std::error_code error;
  const House house(fs::canonical(*given, error));
  if (error) return absl::NotFoundError(absl::StrCat("there is no folder ", *given));
  const absl::StatusOr<FolderLock> lock = FolderLock::Take(house.dir);
  if (!lock.ok()) return lock.status();
  const bool worker_ran = house.worker.Running().has_value();
  const bool server_ran = house.server.Running().has_value();
  // The worker first: it releases its job while the coordinator still runs.
  const bool worker_killed = house.worker.Stop(kWorkerStop);
  const bool server_killed = house.server.Stop(kServerStop);
  StopPostgres(house);
  const auto what = [](bool ran, bool killed) {
    return !ran ? "did not run" : killed ? "did not answer, and was killed" : "stopped";
  };
  std::printf("worker       %s\n", what(worker_ran, worker_killed));
  std::printf("coordinator  %s\n", what(server_ran, server_killed));
  return absl::OkStatus();
}

}  // namespace

void AddUpCommands(CLI::App& parent, Action& action) {
  auto up = std::make_shared<UpOptions>();
  CLI::App* command =
      parent.add_subcommand("up", "Start coordinator, private Postgres and a worker in the folder --dir DIR");
  command->footer(
      "What runs already is left alone; what has ended, or doesn't answer, is started again. Returns once "
      "all serve.\n");
  command->add_flag("--no-worker", up->no_worker, "Start no worker: it runs elsewhere");
  OnChosen(command, action, up, Up);

  command = parent.add_subcommand("down", "Stop what `loupe up` started in the folder --dir DIR");
  OnChosen(command, action, std::make_shared<DownOptions>(), Down);
}

}  // namespace loupe
