// What the fuzz targets share.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace loupe::fuzz {

inline std::string_view AsText(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// A property that must hold for every input; the program ends where it doesn't.
inline void Require(bool holds, std::string_view property) {
  if (holds) return;
  std::cerr << "property broken: " << property << std::endl;
  std::abort();
}

// A folder of this process for readers and writers that take paths; removed when the process ends.
class ScratchFolder {
 public:
  static std::string Path(const std::string& name) {
    static const ScratchFolder folder;
    return (folder.path_ / name).string();
  }

  // The path of a file with these bytes.
  static std::string Write(const std::string& name, std::string_view bytes) {
    std::string path = Path(name);
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
    return path;
  }

 private:
  ScratchFolder()
      : path_(std::filesystem::temp_directory_path() / ("loupe_fuzz_" + std::to_string(getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~ScratchFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }

  std::filesystem::path path_;
};

}  // namespace loupe::fuzz
