// A trained detector that predicts images, with what ranking needs beside the boxes.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/detection/types.h"
#include "worker/weight_file.h"

namespace loupe {

struct Prediction {
  detection::Detections detections;
  torch::Tensor
      agreement;  // [K] float32 in [0, 1] with the mirrored image; undefined without a mirrored pass
};

class Predictor {
 public:
  explicit Predictor(LoadedDetector detector) : detector_(std::move(detector)) {}

  // Names from the file's metadata; empty when it has none.
  const std::vector<std::string>& class_names() const { return detector_.class_names; }
  int64_t num_classes() const { return detector_.model->num_classes(); }

  // A prediction an image. images: [3, H, W] float32 RGB in [0, 1].
  // Errors: INTERNAL when LibTorch fails.
  absl::StatusOr<std::vector<Prediction>> Predict(const std::vector<torch::Tensor>& images,
                                                  const detection::DetectOptions& options, bool mirrored);

 private:
  LoadedDetector detector_;
};

}  // namespace loupe
