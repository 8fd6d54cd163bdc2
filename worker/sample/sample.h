// `loupe-worker sample`: made-up pictures of machined parts with defects, and their truth.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <opencv2/core.hpp>

#include "absl/status/status.h"

namespace loupe {

struct SampleBox {
  int label = 0;                            // 1-based, by sample::kDefectClasses
  int x = 0, y = 0, width = 0, height = 0;  // pixels: the smallest box around what can be seen
};

struct SamplePicture {
  // `part_PPPP_v.jpg`: pictures of one part PPPP, taken a little later, shifted and lit otherwise, are
  // near-duplicates and differ in v. `part_(\d+)` groups them.
  std::string file_name;
  cv::Mat pixels;  // [128, 128] of 8-bit blue, green, red
  std::vector<SampleBox> boxes;
};

// The first `count` pictures of a seed: the same bits everywhere, and the same for a larger count. About a
// tenth show a sound part, a quarter are near-duplicates of the picture before.
class SampleGenerator {
 public:
  explicit SampleGenerator(uint64_t seed) : seed_(seed) {}
  SamplePicture Next();

 private:
  uint64_t seed_;
  uint64_t part_ = 0;
  int view_ = 0;
  int views_of_part_ = 0;
};

struct SampleOptions {
  std::filesystem::path out;
  int images = 0;
  uint64_t seed = 1;
};

// Writes out/images/*.jpg and out/annotations.json (COCO).
// Errors: INVALID_ARGUMENT for fewer than one image; UNAVAILABLE when the folder can't be written.
absl::Status WriteSample(const SampleOptions& options);

}  // namespace loupe
