// What goes into the detector and what comes out of it. Legend of shapes: faster_rcnn.h.

#ifndef LOUPE_WORKER_DETECTION_TYPES_H_
#define LOUPE_WORKER_DETECTION_TYPES_H_

#include <torch/types.h>

#include <cstdint>
#include <optional>

namespace loupe::detection {

// Height and width of an image in pixels.
struct ImageSize {
  int64_t height = 0;
  int64_t width = 0;
};

// The truth of one training image, in pixels of that image.
struct Target {
  torch::Tensor boxes;         // [G, 4] float32; G may be 0
  torch::Tensor labels;        // [G] int64, 1..C
  torch::Tensor ignore_boxes;  // [I, 4] float32, never negatives; undefined or I = 0 when there are none
  // Seed of the draws of anchors and proposals for the losses. A draw depends on it and on this image, not on
  // the rest of the batch.
  uint64_t sampling_seed = 0;
};

// Instead of the detector's own limits (v1::Detector: box_score_threshold, box_nms_threshold,
// detections_per_image). Prediction jobs take a score_threshold of 0.01.
struct DetectOptions {
  std::optional<double> score_threshold = std::nullopt;
  std::optional<double> nms_threshold = std::nullopt;
  std::optional<int64_t> detections_per_image = std::nullopt;
};

// The detector's output for one image. All tensors are on the model's device.
struct Detections {
  torch::Tensor boxes;          // [K, 4] float32, pixels of the original image
  torch::Tensor labels;         // [K] int64, 1..C
  torch::Tensor scores;         // [K] float32, descending
  torch::Tensor probabilities;  // [K, C + 1] float32, the whole class distribution; column 0 is background
  // [D] float32, of length 1 (zeros when the image has no proposal): the mean of the detections' box-head
  // features weighted by score, projected from R to D numbers by a fixed random sign matrix, which keeps
  // distances. When K = 0, the mean is over all proposals, weighted by their best foreground score.
  // Source: Achlioptas 2003, "Database-friendly random projections".
  torch::Tensor embedding;
  // Largest foreground score that is not above the score threshold, over all proposals; 0 without proposals.
  float max_score_below = 0;
};

// Scalars with gradients, named as torchvision names them.
struct Losses {
  torch::Tensor loss_classifier;
  torch::Tensor loss_box_reg;
  torch::Tensor loss_objectness;
  torch::Tensor loss_rpn_box_reg;
  // What sums of losses were divided by: the first two by the number of sampled proposals, the other two by
  // that of sampled anchors, or their limit (rpn_loss_by_limit). A loss without samples is 0.
  int64_t proposals = 0;
  int64_t anchors = 0;
  torch::Tensor positive_quality;  // [2, C], see positive_quality.h

  torch::Tensor Sum() const { return loss_classifier + loss_box_reg + loss_objectness + loss_rpn_box_reg; }
};

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_TYPES_H_
