// Weight files of any format that Loupe reads, and detectors made from them.
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

// Reads a `.safetensors` or `.pth` file; which of them it is its first bytes tell. A `.pth` has no metadata.
// Errors: as ReadSafetensors and ReadTorchFile.
absl::StatusOr<SafetensorsFile> ReadWeightFile(const std::filesystem::path& path);

// What the caller knows of a weight file; what is left empty or 0 is taken from the file, and sizes that the
// file doesn't tell from the preset.
struct DetectorDescription {
  std::string preset;
  int64_t num_classes = 0;  // without background
  int64_t min_size = 0;     // pixels
  int64_t max_size = 0;
};

struct LoadedDetector {
  std::shared_ptr<detection::FasterRcnn> model;
  std::vector<std::string> class_names;  // from the file's metadata; empty when it has none
};

// Errors: INVALID_ARGUMENT when the preset is neither given nor in the file, when given and file disagree, or
// when tensors are missing, left over or of another shape; INTERNAL when LibTorch fails.
absl::StatusOr<LoadedDetector> LoadDetector(const SafetensorsFile& weights,
                                            const DetectorDescription& description);

struct ConvertOptions {
  std::filesystem::path from;
  std::filesystem::path to;  // its extension says the format: .safetensors or .pth
  DetectorDescription description;
  std::vector<std::string> class_names;  // default: what the file says
};

// Writes the weights of a whole detector in another format, under torchvision's present names.
// Errors: as above; INVALID_ARGUMENT for another extension or the wrong number of names.
absl::Status ConvertWeights(const ConvertOptions& options);

}  // namespace loupe
