#include "renderer/line_reader.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace loupe {

std::optional<std::string> LineReader::Next() {
  size_t searched = 0;
  while (true) {
    const size_t end = pending_.find('\n', searched);
    if (end != std::string::npos) {
      std::string line = pending_.substr(0, end);
      pending_.erase(0, end + 1);
      return line;
    }
    searched = pending_.size();
    pollfd waits = {.fd = descriptor_, .events = POLLIN, .revents = 0};
    const auto patience_ms = static_cast<int>(absl::ToInt64Milliseconds(patience_));
    if (TEMP_FAILURE_RETRY(poll(&waits, 1, patience_ms)) <= 0) return std::nullopt;
    std::array<char, 4096> piece;
    const ssize_t got = TEMP_FAILURE_RETRY(read(descriptor_, piece.data(), piece.size()));
    if (got <= 0) return std::nullopt;
    pending_.append(piece.data(), static_cast<size_t>(got));
  }
}

}  // namespace loupe
