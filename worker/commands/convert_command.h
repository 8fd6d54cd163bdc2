// `loupe-worker convert`: the weights of a detector in another format.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "worker/prediction/detector_description.h"

namespace loupe {

struct ConvertOptions {
  std::filesystem::path from;
  std::filesystem::path to;  // the extension chooses the format: .safetensors or .pth
  DetectorDescription description;
  std::vector<std::string> class_names;  // default: those of the file
};

// Writes the weights of a complete detector in another format, with torchvision's current names.
// Errors: those of ReadWeightFile and LoadDetector; INVALID_ARGUMENT for another extension or the wrong
// number of class names.
absl::Status RunConvertCommand(const ConvertOptions& options);

}  // namespace loupe
