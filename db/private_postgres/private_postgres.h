// The coordinator's private PostgreSQL in DIR/postgres: created at the first start, kept running, stopped
// with the coordinator.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "content/steady_clock.h"
#include "db/private_postgres/postgres_program.h"

namespace loupe {

// It listens only on a Unix socket in DIR/postgres. Only its own user may enter that folder, so connections
// need no password. Operators connect with `psql -h DIR/postgres -U loupe loupe`.
class PrivatePostgres {
 public:
  // Creates the database cluster if there is none, and starts the server. A server that a killed coordinator
  // left running is used as it is. Waits until it accepts connections (recovery after a crash may take
  // minutes). From then on a thread restarts it whenever it ends. Errors: FAILED_PRECONDITION (PostgreSQL is
  // not installed; another coordinator runs on DIR; the folder can't be used; the server doesn't start: the
  // message ends with the last line of its log).
  static absl::StatusOr<std::unique_ptr<PrivatePostgres>> Start(const std::filesystem::path& data_dir);

  // Stops the server. Open transactions are rolled back.
  ~PrivatePostgres();
  PrivatePostgres(const PrivatePostgres&) = delete;
  PrivatePostgres& operator=(const PrivatePostgres&) = delete;

  // Connection string of a database of this server, valid in this process: as its superuser, and as the role
  // that coordinators run as (db/migrate.h, PrepareServiceRole).
  std::string Url(const std::string& database) const;
  std::string ServiceUrl(const std::string& database) const;

  // The postmaster's process; 0 while it doesn't run.
  pid_t pid() const;

 private:
  std::string UrlOf(const char* user, const std::string& database) const;
  PrivatePostgres(PostgresPrograms programs, std::filesystem::path data_dir)
      : programs_(std::move(programs)), data_dir_(std::move(data_dir)) {}

  absl::Status Open();
  absl::Status MakeCluster();
  // Adopts a running server, or starts one.
  absl::Status Launch();
  absl::Status WaitUntilItAccepts();
  bool AcceptsConnections() const;
  bool Runs();
  void Supervise();
  void Stop();
  std::string LastLogLine() const;

  const PostgresPrograms programs_;
  const std::filesystem::path data_dir_;
  int lock_ = -1;         // DIR/postgres.lock, locked
  int log_ = -1;          // DIR/logs/postgres.log
  int data_folder_ = -1;  // DIR/postgres

  mutable absl::Mutex mutex_;
  pid_t pid_ ABSL_GUARDED_BY(mutex_) = 0;
  bool is_child_ ABSL_GUARDED_BY(mutex_) = false;
  Event stop_;
  std::thread supervisor_;
};

}  // namespace loupe
