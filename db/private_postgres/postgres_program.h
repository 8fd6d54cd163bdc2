// Finds PostgreSQL's programs on this machine and runs them as a user who may run them.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace loupe {

// How a program is started. Its working folder is /. Its data folder is file descriptor 3, which it opens as
// /proc/self/fd/3: the data may lie below folders that PostgreSQL's user can't enter, and a long path doesn't
// break the socket. The program inherits no other descriptors.
struct PostgresCommand {
  std::string program;                 // `initdb`, `postgres`
  std::vector<std::string> arguments;  // after `-D /proc/self/fd/3`
  int data_folder = -1;                // open descriptor
  int log = -1;                        // open descriptor of standard output and error
};

class PostgresPrograms {
 public:
  // The programs of this major version, or of the newest when it is empty. Looks under /usr/lib/postgresql,
  // then on PATH. Errors: FAILED_PRECONDITION (not installed; started by root while there is no user
  // `postgres`).
  static absl::StatusOr<PostgresPrograms> Find(const std::string& major_version);

  // Gives the folder to the user that PostgreSQL runs as; nobody else may enter it.
  // Errors: FAILED_PRECONDITION.
  absl::Status Own(const std::filesystem::path& folder) const;

  // Starts the program in a session of its own, so that signals from the terminal don't reach it.
  // Errors: FAILED_PRECONDITION.
  absl::StatusOr<pid_t> Spawn(const PostgresCommand& command) const;

 private:
  explicit PostgresPrograms(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::filesystem::path folder_;
};

// Whether this process runs and is called `name` (the kernel keeps 15 characters).
bool IsAlive(pid_t pid, const std::string& name);

}  // namespace loupe
