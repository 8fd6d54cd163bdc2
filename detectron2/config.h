// Detectron2's configuration of a Faster R-CNN (config.yaml) as a detector.
#pragma once

#include <cstdint>
#include <filesystem>

#include "absl/status/statusor.h"
#include "loupe/v1/detector.pb.h"

namespace loupe {

struct Detectron2Config {
  v1::Detector detector;
  int64_t num_classes = 0;  // ROI_HEADS.NUM_CLASSES
};

// Keys that a file and its bases lack have Detectron2's defaults, keys that don't tell of the detector are
// passed over.
// Errors: those of YamlFiles; INVALID_ARGUMENT, with the path, for a value that is out of range or no number
// where one is needed, and for parts that aren't supported, which are all named with their keys: other
// detectors than Faster R-CNN with FPN, masks, keypoints, rotated boxes, deformable and grouped convolutions,
// group norm, and heads of another form.
// Source: Detectron2 at 02b5c4e, config/defaults.py.
absl::StatusOr<Detectron2Config> ReadDetectron2Config(const std::filesystem::path& path);

}  // namespace loupe
