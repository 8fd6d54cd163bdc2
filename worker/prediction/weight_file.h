// Reads weight files of all formats, and builds detectors from them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "worker/weights/safetensors.h"

namespace loupe::detection {
class FasterRcnn;
}

namespace loupe {

// Reads a `.safetensors` or `.pth` file. Its name or its first bytes tell the format. A `.pth` file has no
// metadata. Errors: those of ReadSafetensors and ReadTorchFile.
absl::StatusOr<SafetensorsFile> ReadWeightFile(const std::filesystem::path& path);

// What the caller knows about a weight file. Empty fields and zeros are filled from the file, and missing
// sizes from the preset.
struct DetectorDescription {
  std::string preset;
  int64_t num_classes = 0;  // without background
  int64_t min_size = 0;     // pixels
  int64_t max_size = 0;
};

struct LoadedDetector {
  std::shared_ptr<detection::FasterRcnn> model;
  std::vector<std::string> class_names;  // from the metadata of the file; empty when it has none
};

// Errors: INVALID_ARGUMENT when neither the description nor the file names the preset, when the two disagree,
// or when tensors are missing, unexpected or of another shape; INTERNAL when LibTorch fails.
absl::StatusOr<LoadedDetector> LoadDetector(const SafetensorsFile& weights,
                                            const DetectorDescription& description);

struct ConvertOptions {
  std::filesystem::path from;
  std::filesystem::path to;  // the extension chooses the format: .safetensors or .pth
  DetectorDescription description;
  std::vector<std::string> class_names;  // default: those of the file
};

// Writes the weights of a complete detector in another format, with torchvision's current names.
// Errors: those of ReadWeightFile and LoadDetector; INVALID_ARGUMENT for another extension or the wrong
// number of class names.
absl::Status ConvertWeights(const ConvertOptions& options);

}  // namespace loupe
