// `loupe-worker detect`: detects objects in picture files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "content/intensity_range.h"
#include "worker/prediction/detector_description.h"

namespace loupe {

struct DetectFilesOptions {
  std::filesystem::path weights;
  std::optional<std::filesystem::path> config;  // of Detectron2
  DetectorDescription description;
  std::optional<double> score_threshold;  // default: the detector's, or 0.01 for COCO results
  int64_t batch_size = 4;
  std::string device = "auto";
  std::string precision = "float32";
  int threads = 0;                            // 0: one per core
  IntensityRange range;                       // of pictures with 16 bits
  std::vector<std::filesystem::path> images;  // files and folders: print one line of JSON per picture; or:
  std::optional<std::filesystem::path> coco;  // detect in the images of this COCO file,
  std::filesystem::path images_dir;           // which are in this folder,
  std::filesystem::path out;                  // and write COCO results here
};

// A picture file that can't be used gets a line with an error; the others follow, and the first of the
// problems is the error. Errors: those of the files, ResolveDevice and ResolvePrecision; INVALID_ARGUMENT
// when the classes of the weights are not those of the COCO file.
absl::Status RunDetectCommand(const DetectFilesOptions& options, std::ostream& out);

}  // namespace loupe
