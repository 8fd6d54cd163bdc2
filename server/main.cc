// loupe-server: the coordinator.
#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <thread>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "content/log_keeper.h"
#include "content/loopback.h"
#include "content/private_folder.h"
#include "content/read_file.h"
#include "content/steady_clock.h"
#include "db/migrate.h"
#include "db/private_postgres/private_postgres.h"
#include "server/blobs/small_file.h"
#include "server/gateway/browser_rules.h"
#include "server/projects/first_admin.h"
#include "server/server.h"
#include "version/version.h"

namespace loupe {
namespace {

constexpr int kArenas = 4;  // of the heap
constexpr absl::Duration kDatabasePatience = absl::Minutes(1);
constexpr absl::Duration kDrainPatience = absl::Seconds(10);
constexpr absl::Duration kEndPatience = absl::Seconds(14);

// Waits for a signal that ends the program, and sees to it that it does, whatever the program waits for.
class EndingSignal {
 public:
  // Before the first other thread, so that all have the mask: the signals come to this one alone.
  EndingSignal() {
    sigset_t endings;
    sigemptyset(&endings);
    sigaddset(&endings, SIGTERM);
    sigaddset(&endings, SIGINT);
    pthread_sigmask(SIG_BLOCK, &endings, nullptr);
    std::thread([this, endings] {
      int signal = 0;
      sigwait(&endings, &signal);
      came_.Set();
      absl::SleepFor(kEndPatience);
      std::fprintf(stderr, "loupe-server: ended in the middle of what it waited for\n");
      std::_Exit(1);
    }).detach();
  }

  void Wait() {
    while (!came_.WaitFor(absl::Hours(1))) {
    }
  }
  // Whether it came within this time.
  bool WaitFor(absl::Duration time) { return came_.WaitFor(time); }

 private:
  Event came_;
};

constexpr char kServicePassword[] = "LOUPE_SERVICE_PASSWORD";

struct Flags {
  bool only_migrates = false;
  std::filesystem::path data_dir;
  std::string database_url;
  std::string listen = "127.0.0.1:50051";
  std::string http_listen;
  std::string page_url;
  std::string tls_cert;
  std::string tls_key;
};

void DefineMigrate(CLI::App& app, Flags& flags) {
  CLI::App* migrate = app.add_subcommand("migrate",
                                         "Bring a database to this release, and let the role loupe_service "
                                         "work with it, which coordinators run as");
  migrate
      ->add_option("--database-url", flags.database_url,
                   "The database, as the owner of its tables, e.g. postgresql://loupe@host/loupe")
      ->required();
  migrate->footer(
      "The role is made if it is missing and the owner may make roles. The environment variable\n"
      "LOUPE_SERVICE_PASSWORD, if it is set, becomes its password.");
  migrate->callback([&flags] { flags.only_migrates = true; });
}

void Define(CLI::App& app, Flags& flags) {
  DefineMigrate(app, flags);
  app.add_option("--data-dir", flags.data_dir,
                 "Folder of pictures, weights, tokens and the private PostgreSQL; must be given");
  app.add_option(
      "--database-url", flags.database_url,
      "A PostgreSQL database, e.g. postgresql://loupe_service@host/loupe; default: a private one is started");
  app.add_option("--listen", flags.listen, "HOST:PORT of the gRPC services; port 0: any that is free")
      ->capture_default_str();
  auto* http = app.add_option("--http-listen", flags.http_listen,
                              "HOST:PORT of the pages, pictures and the API over HTTP; default: none");
  app.add_option("--page-url", flags.page_url,
                 "Where people find the pages, e.g. https://loupe.example.org; default: at --http-listen")
      ->needs(http);
  auto* cert = app.add_option("--tls-cert", flags.tls_cert, "Certificate, PEM");
  auto* key = app.add_option("--tls-key", flags.tls_key, "Its key, PEM");
  cert->needs(key);
  key->needs(cert);
}

// Empty when the address can be listened on.
std::string ProblemWith(const char* flag, const std::string& address, bool has_tls) {
  const std::string_view host = HostOf(address);
  const std::string port(PortOf(address));
  const bool in_brackets = WithoutBrackets(host) != host;
  const bool is_six = host.find(':') != std::string_view::npos;
  int number = 0;
  if (host.empty() || in_brackets != is_six || port.find_first_not_of("0123456789") != std::string::npos ||
      !absl::SimpleAtoi(port, &number) || number > 65535) {
    return absl::StrCat(flag, ": ", address, " is not HOST:PORT (an IPv6 address in brackets)");
  }
  if (has_tls || IsLoopback(host)) return "";
  return absl::StrCat(flag, ": ", address,
                      " can be reached from elsewhere, and tokens would travel in the "
                      "clear: give --tls-cert and --tls-key, or listen on 127.0.0.1");
}

// Empty when the flags can be used together.
std::string ProblemWith(const Flags& flags) {
  if (flags.data_dir.empty()) return "--data-dir is required";
  const bool has_tls = !flags.tls_cert.empty();
  std::string problem = ProblemWith("--listen", flags.listen, has_tls);
  if (problem.empty() && !flags.http_listen.empty()) {
    problem = ProblemWith("--http-listen", flags.http_listen, has_tls);
  }
  if (problem.empty() && !flags.page_url.empty()) {
    problem = std::string(CheckPageUrl(flags.page_url, has_tls).message());
  }
  return problem;
}

// Brings the database to this program's schema, if its role may; else looks whether it is there.
absl::Status MigrateOrCheck(const std::string& url) {
  const absl::StatusOr<bool> may = MayMigrate(url);
  if (!may.ok()) return may.status();
  if (!*may) return CheckMigrated(url);
  spdlog::warn(
      "the coordinator has the rights of its tables' owner, and could change the history of labels: "
      "start it as {} (docs/operations.md, \"The roles of the database\")",
      kServiceRole);
  return Migrate(url);
}

// The schema, once the database answers.
absl::Status MigrateWhenReady(const std::string& url, EndingSignal& ending) {
  absl::Status said;
  for (const Stopwatch waited;;) {
    const absl::Status migrated = MigrateOrCheck(url);
    if (!absl::IsUnavailable(migrated)) return migrated;
    if (migrated != said) spdlog::warn("{}", std::string(migrated.message()));
    said = migrated;
    if (ending.WaitFor(absl::Seconds(1)) || waited.Elapsed() > kDatabasePatience) return migrated;
  }
}

// The private server with its migrated database; null if the flags name another.
absl::StatusOr<std::unique_ptr<PrivatePostgres>> StartPostgres(Flags& flags) {
  if (!flags.database_url.empty()) return nullptr;
  auto postgres = PrivatePostgres::Start(flags.data_dir);
  if (!postgres.ok()) return postgres.status();
  if (const absl::Status made = CreateDatabase((*postgres)->Url("postgres"), "loupe"); !made.ok())
    return made;
  const std::string owner_url = (*postgres)->Url("loupe");
  if (const absl::Status migrated = Migrate(owner_url); !migrated.ok()) return migrated;
  if (const absl::Status prepared = PrepareServiceRole(owner_url, ""); !prepared.ok()) return prepared;
  flags.database_url = (*postgres)->ServiceUrl("loupe");
  return postgres;
}

absl::StatusOr<ServerOptions> OptionsOf(const Flags& flags) {
  ServerOptions options;
  options.database_url = flags.database_url;
  options.blob_folder = flags.data_dir / "blobs";
  options.checkpoint_key = flags.data_dir / "checkpoint.key";
  options.listen = flags.listen;
  options.http_listen = flags.http_listen;
  options.page_url = flags.page_url;
  std::error_code ignored;
  options.renderer =
      std::filesystem::read_symlink("/proc/self/exe", ignored).replace_filename("loupe-renderer");
  if (flags.tls_cert.empty()) return options;
  const absl::StatusOr<std::string> certificate = ReadFile(flags.tls_cert);
  if (!certificate.ok()) return certificate.status();
  const absl::StatusOr<std::string> key = ReadFile(flags.tls_key);
  if (!key.ok()) return key.status();
  options.tls_certificate = *certificate;
  options.tls_key = *key;
  return options;
}

absl::Status Run(Flags flags, EndingSignal& ending) {
  const bool is_there = std::filesystem::is_directory(flags.data_dir);  // and may hold other things, too
  if (const std::error_code error = is_there ? std::error_code() : MakePrivateFolder(flags.data_dir)) {
    return absl::FailedPreconditionError(
        absl::StrCat("can't make ", flags.data_dir.string(), ": ", error.message()));
  }
  flags.data_dir = std::filesystem::canonical(flags.data_dir);
  const auto postgres = StartPostgres(flags);
  if (!postgres.ok()) return postgres.status();
  if (*postgres == nullptr) {
    if (const absl::Status ready = MigrateWhenReady(flags.database_url, ending); !ready.ok()) return ready;
  }
  const absl::StatusOr<ServerOptions> options = OptionsOf(flags);
  if (!options.ok()) return options.status();
  const auto server = Server::Start(*options);
  if (!server.ok()) return server.status();
  if (const absl::Status made = MakeFirstAdmin((*server)->database(), flags.data_dir / "admin.token");
      !made.ok()) {
    return made;
  }
  const std::string& address = (*server)->address();
  if (const absl::Status told = WriteWhole(flags.data_dir / "server.address", address + "\n", 0644);
      !told.ok()) {
    return told;
  }
  spdlog::info("serving on {}", address);
  if (const std::string& http_address = (*server)->http_address(); !http_address.empty()) {
    const absl::Status told = WriteWhole(flags.data_dir / "http.address", http_address + "\n", 0644);
    if (!told.ok()) return told;
    spdlog::info("pages and HTTP on {}", http_address);
  }
  ending.Wait();
  spdlog::info("shutting down");
  (*server)->Shutdown(kDrainPatience);
  return absl::OkStatus();
}

absl::Status MigrateAlone(const Flags& flags) {
  if (const absl::Status migrated = Migrate(flags.database_url); !migrated.ok()) return migrated;
  const char* password = std::getenv(kServicePassword);
  const absl::Status prepared = PrepareServiceRole(flags.database_url, password == nullptr ? "" : password);
  if (prepared.ok()) spdlog::info("the database is ready: start coordinators as {}", kServiceRole);
  return prepared;
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app("The coordinator of Loupe");
  app.set_version_flag("--version", VersionLine("loupe-server"));
  Define(app, flags);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    std::fprintf(stderr, "loupe-server: %s; see loupe-server --help\n", error.what());
    return 2;
  }
  if (const std::string problem = flags.only_migrates ? "" : ProblemWith(flags); !problem.empty()) {
    std::fprintf(stderr, "loupe-server: %s\n", problem.c_str());
    return 2;
  }
  spdlog::set_default_logger(spdlog::stderr_logger_mt("loupe-server"));
  // For ever: its thread may outlive main().
  EndingSignal& ending = *new EndingSignal();
  const LogKeeper log(STDERR_FILENO);
  // glibc takes eight a core, and each keeps what a burst of calls left in pieces.
  mallopt(M_ARENA_MAX, kArenas);
  ::signal(SIGPIPE, SIG_IGN);
  const absl::Status status = flags.only_migrates ? MigrateAlone(flags) : Run(flags, ending);
  if (status.ok()) return 0;
  std::fprintf(stderr, "loupe-server: %s\n", std::string(status.message()).c_str());
  return 1;
}

}  // namespace
}  // namespace loupe

int main(int argc, char** argv) { return loupe::Main(argc, argv); }
