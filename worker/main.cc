// `loupe-worker`: checks the command line, then becomes `loupe-worker-torch`, which does the work.
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <string>
#include <utility>

#include "content/picture_header.h"
#include "worker/command_line.h"

namespace {

// Environment variables that libraries read while they are loaded. Variables that are already set keep their
// values.
//   OpenCV: the largest number of pixels of a picture that is decoded.
//   OpenMP: waiting threads spin for about 30 µs before they sleep, instead of milliseconds. Where the
//   coordinator or another worker used the same cores, longer spinning made training ten times slower.
//   OpenBLAS: its own waiting threads spin for 2^4 cycles. Longer spinning took a seventh of the time.
//   LibTorch: allows cuDNN to compute convolutions in bfloat16.
void SetUpLibraries() {
  const std::pair<const char*, std::string> settings[] = {
      {"OPENCV_IO_MAX_IMAGE_PIXELS", std::to_string(loupe::kMaxPicturePixels)},
      {"GOMP_SPINCOUNT", "1000"},
      {"OPENBLAS_THREAD_TIMEOUT", "4"},
      {"TORCH_CUDNN_V8_API_ENABLED", "1"}};
  for (const auto& [name, value] : settings) setenv(name, value.c_str(), /*replace=*/0);
}

}  // namespace

int main(int argc, char** argv) {
  loupe::ParseCommandLine(argc, argv);
  SetUpLibraries();
  std::error_code error;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::filesystem::path program = self.parent_path() / "loupe-worker-torch";
  execv(program.c_str(), argv);
  std::cerr << "loupe-worker: cannot start " << program.string() << ": " << std::strerror(errno)
            << "; it must be in the folder of loupe-worker\n";
  return 1;
}
