// Programs that go on running after the command that started them: found again by a file with their number.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace loupe {

class Daemon {
 public:
  // `pid_file` holds two lines: the process's number, and the time it started in the kernel's ticks, so that
  // another process that later got the same number isn't taken for it.
  Daemon(std::filesystem::path pid_file, std::filesystem::path log_file)
      : pid_file_(std::move(pid_file)), log_file_(std::move(log_file)) {}

  // The process's number while it runs.
  std::optional<pid_t> Running() const;

  // Starts `program` in a session of its own, standard input empty, output appended to the log.
  // Errors: FAILED_PRECONDITION (can't be started).
  absl::Status Start(const std::filesystem::path& program, const std::vector<std::string>& arguments) const;

  // Asks it to end and waits. Nothing to do when it doesn't run. Errors: DEADLINE_EXCEEDED (it still runs).
  absl::Status Stop(absl::Duration patience) const;

  // The log's last lines, for messages.
  std::string LogTail() const;

  const std::filesystem::path& log_file() const { return log_file_; }

 private:
  std::filesystem::path pid_file_;
  std::filesystem::path log_file_;
};

// A program that stands beside the running one, else on PATH. Errors: NOT_FOUND.
absl::StatusOr<std::filesystem::path> FindProgram(const std::string& name);

// Whether a server could listen there now. False for what is not `IPV4:PORT`.
bool IsFree(const std::string& address);

}  // namespace loupe
