// Reads weight files of all formats, and builds detectors from them.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "loupe/v1/detector.pb.h"
#include "worker/prediction/detector_description.h"
#include "worker/weights/safetensors.h"

namespace loupe::detection {
class FasterRcnn;
}

namespace loupe {

// Reads a `.safetensors`, `.pth` or `.pkl` file. Its name or its first bytes tell the format. Only the first
// has metadata. Errors: those of ReadSafetensors, ReadTorchFile and ReadNumpyPickle.
absl::StatusOr<SafetensorsFile> ReadWeightFile(const std::filesystem::path& path);

// Whether the file has the last layers of a detector, under torchvision's names or Detectron2's. Others are
// backbones.
bool HasBoxHead(const SafetensorsFile& weights);

// Whether a detector is about as large as a file that should hold it: it takes as much memory as its fields
// say. Errors: INVALID_ARGUMENT: it is several times as large.
absl::Status CheckSize(const v1::Detector& config, int64_t num_classes, const SafetensorsFile& weights);

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
