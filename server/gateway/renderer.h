// A child process that makes thumbnails and renderings (renderer/). A picture that crashes it, hangs it or
// takes all memory harms nobody else.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "content/file_handle.h"
#include "content/intensity_range.h"

namespace loupe {

class Renderer {
 public:
  // The program is started when it is first needed, and again after it has ended.
  explicit Renderer(std::filesystem::path program) : program_(std::move(program)) {}
  ~Renderer() { Stop(); }
  Renderer(const Renderer&) = delete;
  Renderer& operator=(const Renderer&) = delete;

  // Writes the picture of `in` to `out`, as a JPEG of at most `max_side` pixels each side, or with 0 as a PNG
  // in full size. Blocks. Errors: INVALID_ARGUMENT (the picture can't be decoded, or is too much for the
  // program), INTERNAL (the program can't run, or can't write). Not thread-safe.
  absl::Status Render(const std::filesystem::path& in, const std::filesystem::path& out, int max_side,
                      IntensityRange range);

 private:
  absl::Status Start();
  void Stop();
  // One line, without its end. Errors: UNAVAILABLE (the program has ended), DEADLINE_EXCEEDED.
  absl::StatusOr<std::string> Ask(const std::string& line);

  const std::filesystem::path program_;
  pid_t process_ = 0;
  bool has_answered_ = false;  // any request: the program can run
  FileHandle socket_;          // its standard input and output
};

}  // namespace loupe
