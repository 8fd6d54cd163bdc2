// PostgreSQL's programs on this machine: found, and run as a user who may run them.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace loupe {

// How a program is started: its working folder is /, its folder of data is the file descriptor 3, which it
// knows as /proc/self/fd/3. So the data may lie in folders that PostgreSQL's user can't walk through, and the
// length of their path doesn't matter to the socket. Nothing else of this process is inherited.
struct PostgresCommand {
  std::string program;                 // `initdb`, `postgres`
  std::vector<std::string> arguments;  // after `-D /proc/self/fd/3`
  int data_folder = -1;                // open descriptor
  int log = -1;                        // open descriptor of standard output and error
};

class PostgresPrograms {
 public:
  // Of this major version, or the newest when it is empty: under /usr/lib/postgresql, else on PATH.
  // Errors: FAILED_PRECONDITION (not installed; run by root, and there is no user `postgres`).
  static absl::StatusOr<PostgresPrograms> Find(const std::string& major_version);

  // Makes the folder's owner the user PostgreSQL runs as, with nobody else let in.
  // Errors: FAILED_PRECONDITION.
  absl::Status Own(const std::filesystem::path& folder) const;

  // In a session of its own, so that a signal from the terminal doesn't reach it. Errors:
  // FAILED_PRECONDITION.
  absl::StatusOr<pid_t> Spawn(const PostgresCommand& command) const;

 private:
  explicit PostgresPrograms(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::filesystem::path folder_;
};

// Whether this process exists, hasn't ended and is called `name` (the kernel's 15 characters).
bool IsAlive(pid_t pid, const std::string& name);

}  // namespace loupe
