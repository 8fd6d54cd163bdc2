// What the fuzz targets share.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <string>
#include <string_view>

namespace loupe::fuzz {

// The targets of this program by name. libFuzzer calls the one of its program (libfuzzer_entry.cc);
// run_seeds.cc calls all, each with the seeds of its folder.
using Target = void (*)(std::string_view bytes);
inline std::map<std::string, Target>& Targets() {
  static std::map<std::string, Target> targets;
  return targets;
}

// FUZZ_TARGET(name) { … }: a target; the input is `bytes`.
#define FUZZ_TARGET(name)                                                                    \
  static void Fuzz_##name(std::string_view bytes);                                           \
  static const auto registered_##name = loupe::fuzz::Targets().emplace(#name, &Fuzz_##name); \
  static void Fuzz_##name(std::string_view bytes)

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
