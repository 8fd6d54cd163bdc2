// Keeps the log of a program, or of a child, from growing for ever.
#pragma once

#include <cstdint>
#include <thread>

#include "content/steady_clock.h"

namespace loupe {

inline constexpr uint64_t kMaxLogBytes = 16 << 20;

// If `descriptor` is a file of more than `max_bytes` that is open for appending, copies it to FILE.1, which
// is replaced, and empties it. So nobody who writes to it has to open it again, children neither. If the copy
// can't be written, e.g. since the disk is full, it is emptied all the same. Does nothing for a terminal or a
// pipe.
void CutLog(int descriptor, uint64_t max_bytes = kMaxLogBytes);

// Looks at a log every second, until destroyed.
class LogKeeper {
 public:
  explicit LogKeeper(int descriptor);
  ~LogKeeper();
  LogKeeper(const LogKeeper&) = delete;
  LogKeeper& operator=(const LogKeeper&) = delete;

 private:
  Event stop_;
  std::thread thread_;
};

}  // namespace loupe
