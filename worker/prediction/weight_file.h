// Reads weight files of all formats, and builds detectors from them.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/prediction/detector_description.h"
#include "worker/weights/safetensors.h"

namespace loupe::detection {
class FasterRcnn;
}

namespace loupe {

// Reads a `.safetensors` or `.pth` file. Its name or its first bytes tell the format. A `.pth` file has no
// metadata. Errors: those of ReadSafetensors and ReadTorchFile.
absl::StatusOr<SafetensorsFile> ReadWeightFile(const std::filesystem::path& path);

struct LoadedDetector {
  std::shared_ptr<detection::FasterRcnn> model;
  std::vector<std::string> class_names;  // from the metadata of the file; empty when it has none
};

// Errors: INVALID_ARGUMENT when neither the description nor the file names the preset, when the two disagree,
// or when tensors are missing, unexpected or of another shape; INTERNAL when LibTorch fails.
absl::StatusOr<LoadedDetector> LoadDetector(const SafetensorsFile& weights,
                                            const DetectorDescription& description);

}  // namespace loupe
