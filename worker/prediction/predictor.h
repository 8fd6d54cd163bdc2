// A trained detector that predicts images, with what ranking needs beside the boxes.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/detection/transform.h"
#include "worker/detection/types.h"
#include "worker/prediction/weight_file.h"

namespace loupe {

struct Prediction {
  detection::Detections detections;
  torch::Tensor
      agreement;  // [K] float32 in [0, 1] with the mirrored image; undefined without a mirrored pass
};

class Predictor {
 public:
  // Moves the model to `device`, where it computes in `precision`, `float32` or `bfloat16`.
  // Errors: as ResolvePrecision; INTERNAL when LibTorch fails.
  static absl::StatusOr<Predictor> Create(LoadedDetector detector, torch::Device device,
                                          const std::string& precision);

  // Names from the file's metadata; empty when it has none.
  const std::vector<std::string>& class_names() const { return detector_.class_names; }
  int64_t num_classes() const;

  // The batch that Predict wants, with the mirrored images behind the images if asked. May be called on
  // another thread than Predict, at the same time. images: [3, H, W] float32 RGB in [0, 1]. Errors:
  // c10::Error when LibTorch fails.
  detection::Batch Prepare(const std::vector<torch::Tensor>& images, bool mirrored) const;
  // The size of the batch that is made of such a picture alone.
  detection::ImageSize PaddedSize(detection::ImageSize picture) const;

  // A prediction an image, on the CPU. `mirrored`: whether the batch was prepared so.
  // Errors: INTERNAL when LibTorch fails.
  absl::StatusOr<std::vector<Prediction>> Predict(const detection::Batch& batch,
                                                  const detection::DetectOptions& options, bool mirrored);

 private:
  explicit Predictor(LoadedDetector detector) : detector_(std::move(detector)) {}

  LoadedDetector detector_;
};

}  // namespace loupe
