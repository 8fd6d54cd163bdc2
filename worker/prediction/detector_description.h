// What the caller knows about a weight file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "loupe/v1/detector.pb.h"

namespace loupe {

// Empty fields and zeros are filled from the file, and missing sizes from the preset.
struct DetectorDescription {
  std::optional<v1::Detector> detector;  // instead of a preset
  std::vector<std::string> class_names;  // in order of label, instead of the file's
  std::string preset;
  int64_t num_classes = 0;  // without background
  int64_t min_size = 0;     // pixels
  int64_t max_size = 0;
};

}  // namespace loupe
