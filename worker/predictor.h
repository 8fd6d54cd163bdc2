// A trained detector that predicts images, with what ranking needs beside the boxes.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/detection/faster_rcnn.h"
#include "worker/detection/types.h"
#include "worker/safetensors.h"

namespace loupe {

// What the caller knows of a weight file; what is left empty or 0 is taken from the file's metadata, and
// sizes that the file doesn't tell either from the preset.
struct DetectorDescription {
  std::string preset;
  int64_t num_classes = 0;  // without background
  int64_t min_size = 0;     // pixels
  int64_t max_size = 0;
};

struct Prediction {
  detection::Detections detections;
  torch::Tensor
      agreement;  // [K] float32 in [0, 1] with the mirrored image; undefined without a mirrored pass
};

class Predictor {
 public:
  // Errors: INVALID_ARGUMENT when preset or classes are neither given nor in the file, or tensors are
  // missing, left over or of another shape.
  static absl::StatusOr<Predictor> Create(const SafetensorsFile& weights,
                                          const DetectorDescription& description);

  // Names from the file's metadata; empty when it has none.
  const std::vector<std::string>& class_names() const { return class_names_; }
  int64_t num_classes() const { return model_->num_classes(); }

  // A prediction an image. images: [3, H, W] float32 RGB in [0, 1].
  // Errors: INTERNAL when LibTorch fails.
  absl::StatusOr<std::vector<Prediction>> Predict(const std::vector<torch::Tensor>& images,
                                                  const detection::DetectOptions& options, bool mirrored);

 private:
  Predictor(std::shared_ptr<detection::FasterRcnn> model, std::vector<std::string> class_names)
      : model_(std::move(model)), class_names_(std::move(class_names)) {}

  std::shared_ptr<detection::FasterRcnn> model_;
  std::vector<std::string> class_names_;
};

}  // namespace loupe
