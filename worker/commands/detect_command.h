// `loupe-worker detect`: boxes for picture files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "worker/prediction/predictor.h"

namespace loupe {

struct DetectFilesOptions {
  std::filesystem::path weights;
  DetectorDescription description;
  std::optional<double> score_threshold;  // default: torchvision's 0.05, or 0.01 for COCO results
  int64_t batch_size = 4;
  std::string device = "auto";
  std::string precision = "float32";
  std::vector<std::filesystem::path> images;  // one JSON object a line for each, or
  std::optional<std::filesystem::path> coco;  // the images of this file,
  std::filesystem::path images_dir;           // which lie here,
  std::filesystem::path out;                  // as COCO results
};

// Errors: those of the files, of ResolveDevice and ResolvePrecision; INVALID_ARGUMENT when the weights'
// classes are not those of the COCO file.
absl::Status RunDetectCommand(const DetectFilesOptions& options, std::ostream& out);

}  // namespace loupe
