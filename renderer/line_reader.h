// Lines that another process writes.
#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"

namespace loupe {

class LineReader {
 public:
  // The descriptor stays open.
  LineReader(int descriptor, absl::Duration patience) : descriptor_(descriptor), patience_(patience) {}

  // The next line, without its end. nullopt: no more lines come, or nothing came for as long as `patience`.
  // What was written after the last line's end is dropped.
  std::optional<std::string> Next();

 private:
  int descriptor_;
  absl::Duration patience_;
  std::string pending_;  // read, not yet returned
};

}  // namespace loupe
