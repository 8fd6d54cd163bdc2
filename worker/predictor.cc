#include "worker/predictor.h"

#include <torch/torch.h>

#include "worker/detection/agreement.h"

namespace loupe {

using detection::Detections;

detection::Batch Predictor::Prepare(const std::vector<torch::Tensor>& images, bool mirrored) const {
  std::vector<torch::Tensor> inputs = images;
  if (mirrored) {
    for (const torch::Tensor& image : images) inputs.push_back(image.flip({2}));
  }
  return detector_.model->MakeBatch(inputs);
}

absl::StatusOr<std::vector<Prediction>> Predictor::Predict(const detection::Batch& batch,
                                                           const detection::DetectOptions& options,
                                                           bool mirrored) {
  try {
    std::vector<Detections> detections = detector_.model->Detect(batch, options);
    const size_t images = detections.size() / (mirrored ? 2 : 1);
    std::vector<Prediction> predictions(images);
    for (size_t i = 0; i < images; ++i) {
      predictions[i].detections = std::move(detections[i]);
      if (!mirrored) continue;
      Detections& partner = detections[images + i];
      partner.boxes = detection::MirrorBoxes(partner.boxes, batch.originals[i].width);
      predictions[i].agreement = detection::MirrorAgreement(predictions[i].detections, partner);
    }
    return predictions;
  } catch (const c10::Error& error) {
    return absl::InternalError(error.what_without_backtrace());
  }
}

}  // namespace loupe
