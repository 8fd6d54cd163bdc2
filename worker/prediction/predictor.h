// A trained detector that predicts boxes and, for the ranking, how stable they are under mirroring.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "worker/detection/agreement.h"
#include "worker/detection/transform.h"
#include "worker/detection/types.h"
#include "worker/prediction/weight_file.h"

namespace loupe {

struct Prediction {
  detection::Detections detections;
  std::optional<detection::MirrorMatch> mirrored;  // absent without a mirrored pass
};

class Predictor {
 public:
  // Moves the model to `device`. precision: `float32` or `bfloat16`.
  // Errors: those of ResolvePrecision; INTERNAL when LibTorch fails.
  static absl::StatusOr<Predictor> Create(LoadedDetector detector, torch::Device device,
                                          const std::string& precision);

  // The names in the metadata of the weight file; empty when it has none.
  const std::vector<std::string>& class_names() const { return detector_.class_names; }
  int64_t num_classes() const;

  // A picture for Prepare: [3, H, W] RGB, of a type that Levels takes. It and Prepare may run on another
  // thread at the same time as Predict, and throw c10::Error when LibTorch fails.
  detection::ResizedPicture Resize(const torch::Tensor& picture) const;
  // The batch for Predict. With `mirrored`, the mirrored pictures follow the pictures.
  detection::Batch Prepare(std::vector<detection::ResizedPicture> pictures, bool mirrored) const;
  // The size to which a picture of this size is padded in a batch of its own.
  detection::ImageSize PaddedSize(detection::ImageSize picture) const;

  // One prediction per image, on the CPU. mirrored: as the batch was prepared.
  // Errors: INTERNAL when LibTorch fails.
  absl::StatusOr<std::vector<Prediction>> Predict(const detection::Batch& batch,
                                                  const detection::DetectOptions& options, bool mirrored);

 private:
  explicit Predictor(LoadedDetector detector) : detector_(std::move(detector)) {}

  LoadedDetector detector_;
};

}  // namespace loupe
