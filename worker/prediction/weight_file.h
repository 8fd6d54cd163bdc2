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

// Reads a `.safetensors`, `.pth` or `.pkl` file. Its name or its first bytes tell the format. Only the first
// has metadata. Errors: those of ReadSafetensors, ReadTorchFile and ReadNumpyPickle.
absl::StatusOr<SafetensorsFile> ReadWeightFile(const std::filesystem::path& path);

struct LoadedDetector {
  std::shared_ptr<detection::FasterRcnn> model;
  std::vector<std::string> class_names;  // of the description or the file's metadata; empty: neither has any
};

// Errors: INVALID_ARGUMENT when neither the description nor the file tells the detector, when the two
// disagree, when there are more or fewer class names than classes, or when tensors are missing, unexpected or
// of another shape; INTERNAL when LibTorch fails.
absl::StatusOr<LoadedDetector> LoadDetector(const SafetensorsFile& weights,
                                            const DetectorDescription& description);

}  // namespace loupe
