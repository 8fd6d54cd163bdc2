// `loupe-worker convert`: the weights of a detector in another format.
#pragma once

#include <filesystem>
#include <optional>
#include <ostream>

#include "absl/status/status.h"
#include "worker/prediction/detector_description.h"

namespace loupe {

struct ConvertOptions {
  std::filesystem::path from;
  std::filesystem::path to;                     // the extension chooses the format: .safetensors or .pth
  std::optional<std::filesystem::path> config;  // of Detectron2
  DetectorDescription description;
};

// Writes the weights of a complete detector in another format. `.safetensors` files have torchvision's names,
// `.pth` files those of the program that the detector comes from. A backbone alone, which rounds can start
// from, becomes a `.safetensors` file of the given preset. Errors: those of ReadWeightFile,
// ReadDetectron2Config, LoadDetector and CheckTensors; INVALID_ARGUMENT for another extension.
absl::Status RunConvertCommand(const ConvertOptions& options, std::ostream& log);

}  // namespace loupe
