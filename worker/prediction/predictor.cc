#include "worker/prediction/predictor.h"

#include <torch/types.h>

#include "worker/detection/faster_rcnn.h"
#include "worker/prediction/device.h"

namespace loupe {

using detection::Detections;

namespace {

Detections OnCpu(Detections detections) {
  for (torch::Tensor* tensor : {&detections.boxes, &detections.labels, &detections.scores,
                                &detections.probabilities, &detections.embedding}) {
    *tensor = tensor->to(torch::kCPU);
  }
  return detections;
}

}  // namespace

absl::StatusOr<Predictor> Predictor::Create(LoadedDetector detector, torch::Device device,
                                            const std::string& precision) {
  try {
    const absl::StatusOr<torch::ScalarType> type = ResolvePrecision(precision, device);
    if (!type.ok()) return type.status();
    detector.model->to(device);
    detector.model->set_precision(*type);
    return Predictor(std::move(detector));
  } catch (const c10::Error& error) {
    return absl::InternalError(error.what_without_backtrace());
  }
}

int64_t Predictor::num_classes() const { return detector_.model->num_classes(); }

detection::ResizedPicture Predictor::Resize(const torch::Tensor& picture) const {
  return detector_.model->Resize(picture);
}

detection::Batch Predictor::Prepare(std::vector<detection::ResizedPicture> pictures, bool mirrored) const {
  const size_t count = pictures.size();
  for (size_t i = 0; mirrored && i < count; ++i) {
    pictures.push_back({pictures[i].pixels.flip({2}), pictures[i].original});
  }
  return detector_.model->Stack(pictures);
}

detection::ImageSize Predictor::PaddedSize(detection::ImageSize picture) const {
  return detector_.model->PaddedSize(picture);
}

absl::StatusOr<std::vector<Prediction>> Predictor::Predict(const detection::Batch& batch,
                                                           const detection::DetectOptions& options,
                                                           bool mirrored) {
  try {
    std::vector<Detections> detections = detector_.model->Detect(batch, options);
    for (Detections& one : detections) one = OnCpu(std::move(one));
    const size_t images = detections.size() / (mirrored ? 2 : 1);
    std::vector<Prediction> predictions(images);
    for (size_t i = 0; i < images; ++i) {
      predictions[i].detections = std::move(detections[i]);
      if (!mirrored) continue;
      Detections& partner = detections[images + i];
      partner.boxes = detection::MirrorBoxes(partner.boxes, batch.originals[i].width);
      predictions[i].mirrored = detection::MatchMirrored(predictions[i].detections, partner);
    }
    return predictions;
  } catch (const c10::Error& error) {
    return absl::InternalError(error.what_without_backtrace());
  }
}

}  // namespace loupe
