// `loupe-worker sample`: a folder of made-up pictures with their annotations.
#pragma once

#include <cstdint>
#include <filesystem>

#include "absl/status/status.h"

namespace loupe {

struct SampleOptions {
  std::filesystem::path out;
  int images = 0;
  uint64_t seed = 1;
};

// Writes out/images/*.jpg and out/annotations.json (COCO).
// Errors: INVALID_ARGUMENT for less than one image; UNAVAILABLE when the folder can't be written.
absl::Status WriteSample(const SampleOptions& options);

}  // namespace loupe
