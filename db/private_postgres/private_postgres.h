// A PostgreSQL of the coordinator's own, in DIR/postgres: made at the first start, kept running, stopped at
// the end.
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
#include "db/private_postgres/postgres_program.h"

namespace loupe {

// It listens on a Unix socket in DIR/postgres alone, a folder that only its user may enter: who can come that
// far needs no password. `psql -h DIR/postgres -U loupe loupe` is for operators.
class PrivatePostgres {
 public:
  // Makes the data where there are none, and starts the server; one that a killed coordinator left running is
  // taken up again. Waits until it answers (recovery after a crash may take minutes). From then on a thread
  // starts it again whenever it ends.
  // Errors: FAILED_PRECONDITION (not installed, another coordinator runs on DIR, the folder can't be used, it
  // doesn't start: the message ends with its log's last line).
  static absl::StatusOr<std::unique_ptr<PrivatePostgres>> Start(const std::filesystem::path& data_dir);

  // Stops it: open transactions are rolled back.
  ~PrivatePostgres();
  PrivatePostgres(const PrivatePostgres&) = delete;
  PrivatePostgres& operator=(const PrivatePostgres&) = delete;

  // Connection string of a database of this server, valid in this process.
  std::string Url(const std::string& database) const;

  // The postmaster's process; 0 while it doesn't run.
  pid_t pid() const;

 private:
  PrivatePostgres(PostgresPrograms programs, std::filesystem::path data_dir)
      : programs_(std::move(programs)), data_dir_(std::move(data_dir)) {}

  absl::Status Open();
  absl::Status MakeCluster();
  // Takes up a running server or launches one.
  absl::Status Launch();
  absl::Status WaitUntilItAnswers();
  bool Answers() const;
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
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread supervisor_;
};

}  // namespace loupe
