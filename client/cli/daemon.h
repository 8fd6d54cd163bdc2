// Programs that keep running when the command that started them has ended. A file with their process id finds
// them again.
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
  // `pid_file` holds two lines: the process id, and the process's start time in the kernel's ticks. The
  // second distinguishes it from another process that got the same id later.
  Daemon(std::filesystem::path pid_file, std::filesystem::path log_file)
      : pid_file_(std::move(pid_file)), log_file_(std::move(log_file)) {}

  // The process id; nullopt when it doesn't run.
  std::optional<pid_t> Running() const;

  // Starts `program` in a session of its own, with empty standard input, and appends its output to the log.
  // Errors: FAILED_PRECONDITION (can't be started).
  absl::Status Start(const std::filesystem::path& program, const std::vector<std::string>& arguments) const;

  // Asks the process to end, and ends it once patience is over. Does nothing when it doesn't run. Returns
  // whether it had to be ended.
  bool Stop(absl::Duration patience) const;

  // The last lines of the log, for messages.
  std::string LogTail() const;

  const std::filesystem::path& log_file() const { return log_file_; }

 private:
  std::filesystem::path pid_file_;
  std::filesystem::path log_file_;
};

// Looks for a program in the folder of the running one, then on PATH. Errors: NOT_FOUND.
absl::StatusOr<std::filesystem::path> FindProgram(const std::string& name);

// Whether a server could listen on this address now. False when it is not `IPV4:PORT`.
bool IsFree(const std::string& address);

}  // namespace loupe
