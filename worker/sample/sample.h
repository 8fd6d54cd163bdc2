// `loupe-worker sample`: made-up pictures of machined parts with defects, and their annotations.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <opencv2/core.hpp>

namespace loupe {

struct SampleBox {
  int label = 0;                            // from 1, in the order of sample::kDefectClasses
  int x = 0, y = 0, width = 0, height = 0;  // pixels; the smallest box around the visible part
};

struct SamplePicture {
  // `part_PPPP_v.jpg`. Pictures of the same part PPPP are near-duplicates: they differ in v, with a small
  // shift and another light. The pattern `part_(\d+)` groups them.
  std::string file_name;
  cv::Mat pixels;  // [128, 128] pixels of 8-bit blue, green, red
  std::vector<SampleBox> boxes;
};

// Generates the sequence of pictures of a seed; the bits are the same on every machine. About a tenth of the
// pictures show a part without defects; about a quarter are near-duplicates of the previous picture.
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

}  // namespace loupe
