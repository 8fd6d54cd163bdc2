#include "worker/predictor.h"

#include <torch/torch.h>

#include "worker/detection/agreement.h"

namespace loupe {

using detection::Detections;

absl::StatusOr<std::vector<Prediction>> Predictor::Predict(const std::vector<torch::Tensor>& images,
                                                           const detection::DetectOptions& options,
                                                           bool mirrored) {
  try {
    std::vector<torch::Tensor> inputs = images;
    if (mirrored) {
      for (const torch::Tensor& image : images) inputs.push_back(image.flip({2}));
    }
    std::vector<Detections> detections = detector_.model->Detect(inputs, options);
    std::vector<Prediction> predictions(images.size());
    for (size_t i = 0; i < images.size(); ++i) {
      predictions[i].detections = std::move(detections[i]);
      if (!mirrored) continue;
      Detections& partner = detections[images.size() + i];
      partner.boxes = detection::MirrorBoxes(partner.boxes, images[i].size(2));
      predictions[i].agreement = detection::MirrorAgreement(predictions[i].detections, partner);
    }
    return predictions;
  } catch (const c10::Error& error) {
    return absl::InternalError(error.what_without_backtrace());
  }
}

}  // namespace loupe
