#include "content/log_keeper.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <system_error>

#include "content/file_handle.h"

namespace loupe {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kPeriod = absl::Seconds(1);

// The size of a file that may be cut; 0: it is none.
uint64_t SizeOf(int descriptor) {
  struct stat status {};
  if (fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) return 0;
  // Without O_APPEND the next line would be written where the file ended before.
  if ((fcntl(descriptor, F_GETFL) & O_APPEND) == 0) return 0;
  return static_cast<uint64_t>(status.st_size);
}

}  // namespace

void CutLog(int descriptor, uint64_t max_bytes) {
  if (SizeOf(descriptor) <= max_bytes) return;
  std::error_code error;
  const fs::path path = fs::read_symlink("/proc/self/fd/" + std::to_string(descriptor), error);
  // Opened once more: a lock on a descriptor that children share keeps none of them out.
  const FileHandle file(open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (error || !file.valid() || flock(file.get(), LOCK_EX | LOCK_NB) != 0) return;
  if (SizeOf(file.get()) <= max_bytes) return;  // another process was first
  const fs::path kept = path.string() + ".1";
  fs::copy_file(path, kept, fs::copy_options::overwrite_existing, error);
  if (error) fs::remove(kept, error);
  (void)!ftruncate(file.get(), 0);
}

LogKeeper::LogKeeper(int descriptor)
    : thread_([this, descriptor] {
        while (!stop_.WaitFor(kPeriod)) CutLog(descriptor);
      }) {}

LogKeeper::~LogKeeper() {
  stop_.Set();
  thread_.join();
}

}  // namespace loupe
