#include "worker/jobs/prediction_message.h"

#include <torch/types.h>

#include <algorithm>

namespace loupe {

v1::ImagePrediction PredictionMessage(int64_t image_id, const Prediction& prediction) {
  const detection::Detections& detections = prediction.detections;
  const torch::Tensor boxes = detections.boxes.contiguous();
  const torch::Tensor probabilities = detections.probabilities.contiguous();
  const int64_t count = detections.scores.size(0);
  const int64_t classes = probabilities.size(1) - 1;

  v1::ImagePrediction message;
  message.set_image_id(image_id);
  const float* corners = boxes.data_ptr<float>();
  message.mutable_corners()->Add(corners, corners + 4 * count);
  float largest = detections.max_score_below;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t label = detections.labels[i].item<int64_t>();
    const float score = detections.scores[i].item<float>();
    const float* row = probabilities.data_ptr<float>() + i * (classes + 1);
    int64_t runner_up = 0;
    for (int64_t other = 1; other <= classes; ++other) {
      if (other != label && (runner_up == 0 || row[other] > row[runner_up])) runner_up = other;
    }
    message.add_labels(static_cast<uint32_t>(label));
    message.add_scores(score);
    message.add_runner_up_labels(static_cast<uint32_t>(runner_up));
    message.add_runner_up_scores(runner_up == 0 ? 0 : row[runner_up]);
    message.add_background_scores(row[0]);
    largest = std::max(largest, score);
  }
  if (prediction.mirrored.has_value()) {
    const float* agreements = prediction.mirrored->agreement.data_ptr<float>();
    message.mutable_agreements()->Add(agreements, agreements + count);
    const float* partners = prediction.mirrored->partners.data_ptr<float>();
    message.mutable_partner_corners()->Add(partners, partners + 4 * count);
  }
  const torch::Tensor half = detections.embedding.to(torch::kHalf).contiguous();
  message.set_embedding(half.data_ptr(), half.nbytes());
  message.set_max_foreground_score(largest);
  return message;
}

}  // namespace loupe
