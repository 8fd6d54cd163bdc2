#include "worker/detection/postprocess.h"

#include <torch/types.h>

#include <cmath>
#include <cstdint>

#include "worker/detection/boxes.h"
#include "worker/detection/nms.h"

namespace loupe::detection {
namespace {

constexpr uint64_t kProjectionSeed = 20240607;

// SplitMix64 (Steele et al. 2014): mixes the bits of `value`.
uint64_t Mix(uint64_t value) {
  value += 0x9e3779b97f4a7c15u;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
  return value ^ (value >> 31);
}

// Weighted mean of features [M, R], projected and normalised to length 1.
torch::Tensor Embed(const torch::Tensor& features, const torch::Tensor& weights,
                    const torch::Tensor& projection) {
  const auto sum = torch::mv(projection.t(), torch::mv(features.t(), weights));
  return sum / sum.norm().clamp_min(1e-12);
}

}  // namespace

Detections SelectDetections(const ProposalScores& scores, ImageSize image, const v1::Detector& config,
                            const DetectOptions& options, const torch::Tensor& projection) {
  const int64_t classes = scores.probabilities.size(1) - 1;
  const auto foreground = scores.probabilities.slice(1, 1);
  const auto above = foreground > options.score_threshold.value_or(config.box_score_threshold());
  const auto entries = above.flatten().nonzero().squeeze(1);  // proposal * classes + class
  auto boxes = config.class_agnostic_boxes()
                   ? scores.boxes.view({-1, 4}).index_select(0, entries.div(classes, "floor"))
                   : scores.boxes.slice(1, 1).reshape({-1, 4}).index_select(0, entries);
  boxes = ClipBoxes(boxes, image);
  const auto members = LargeEnough(boxes, config.box_min_side()).nonzero().squeeze(1);
  boxes = boxes.index_select(0, members);
  const auto entry = entries.index_select(0, members);
  const auto entry_scores = foreground.flatten().index_select(0, entry);
  const auto labels = entry.remainder(classes) + 1;
  const auto kept =
      GroupedNms(boxes, entry_scores, labels, options.nms_threshold.value_or(config.box_nms_threshold()))
          .slice(0, 0, options.detections_per_image.value_or(config.detections_per_image()));

  Detections detections;
  detections.boxes = boxes.index_select(0, kept);
  detections.labels = labels.index_select(0, kept);
  detections.scores = entry_scores.index_select(0, kept);
  const auto proposals = entry.index_select(0, kept).div(classes, "floor");
  detections.probabilities = scores.probabilities.index_select(0, proposals);
  if (kept.size(0) > 0) {
    detections.embedding = Embed(scores.features.index_select(0, proposals), detections.scores, projection);
  } else if (foreground.size(0) > 0) {
    detections.embedding = Embed(scores.features, std::get<0>(foreground.max(1)), projection);
  } else {
    detections.embedding = projection.new_zeros({projection.size(1)});
  }
  if (foreground.size(0) > 0) {
    detections.max_score_below = foreground.masked_fill(above, 0).max().item<float>();
  }
  return detections;
}

torch::Tensor EmbeddingProjection(int64_t width, int64_t embedding_width) {
  auto projection = torch::empty({width, embedding_width});
  float* sign = projection.data_ptr<float>();
  for (int64_t i = 0; i < projection.numel(); ++i) {
    sign[i] = Mix(kProjectionSeed + static_cast<uint64_t>(i)) >> 63 ? 1.0f : -1.0f;
  }
  return projection;
}

}  // namespace loupe::detection
