#include "renderer/limits.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "content/read_file.h"

namespace loupe {
namespace {

constexpr uint64_t kPictureBytes = uint64_t{3} << 30;
constexpr int kNicer = 5;

absl::Status SystemError(const char* call) {
  return absl::InternalError(absl::StrCat(call, ": ", std::strerror(errno)));
}

// Of libraries and the stacks of their threads, too: on many cores those have gigabytes.
absl::StatusOr<uint64_t> AddressedBytes() {
  const absl::StatusOr<std::string> pages = ReadFile("/proc/self/statm");
  if (!pages.ok()) return pages.status();
  uint64_t count = 0;
  if (!absl::SimpleAtoi(pages->substr(0, pages->find(' ')), &count))
    return absl::InternalError("/proc/self/statm begins with no number");
  return count * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

}  // namespace

absl::Status LimitThisProcess() {
  const pid_t parent = getppid();
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return SystemError("prctl");
  if (getppid() != parent) return absl::CancelledError("the process that started this one has ended");
  const absl::StatusOr<uint64_t> addressed = AddressedBytes();
  if (!addressed.ok()) return addressed.status();
  const rlim_t addresses = *addressed + kPictureBytes;
  const rlimit memory = {.rlim_cur = addresses, .rlim_max = addresses};
  const rlimit core = {.rlim_cur = 0, .rlim_max = 0};
  if (setrlimit(RLIMIT_AS, &memory) != 0 || setrlimit(RLIMIT_CORE, &core) != 0)
    return SystemError("setrlimit");
  errno = 0;
  if (nice(kNicer) == -1 && errno != 0) return SystemError("nice");
  return absl::OkStatus();
}

}  // namespace loupe
