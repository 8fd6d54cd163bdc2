// What goes into the detector and what comes out of it. Legend of shapes: faster_rcnn.h.

#ifndef LOUPE_WORKER_DETECTION_TYPES_H_
#define LOUPE_WORKER_DETECTION_TYPES_H_

#include <torch/types.h>

#include <cstdint>

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
  // Of the draws of anchors and proposals that the losses see: these depend on nothing else, the rest of the
  // batch least of all.
  uint64_t sampling_seed = 0;
};

struct DetectOptions {
  // Detections have a score above this. torchvision's default; prediction jobs use 0.01.
  double score_threshold = 0.05;
  // Of two boxes of a class with a larger IoU, the one with the lower score is dropped.
  double nms_threshold = 0.5;
  int64_t detections_per_image = 100;
};

// What the detector says about one image. All tensors are on the model's device.
struct Detections {
  torch::Tensor boxes;          // [K, 4] float32, pixels of the original image
  torch::Tensor labels;         // [K] int64, 1..C
  torch::Tensor scores;         // [K] float32, falling
  torch::Tensor probabilities;  // [K, C + 1] float32, the whole class distribution; column 0 is background
  // [D] float32, of length 1 (zeros when the image has no proposal at all): box-head features of the
  // detections averaged by score, or of all proposals by their best foreground score when K = 0, then
  // projected from R to D numbers by a fixed random sign matrix, which keeps distances.
  // Source: Achlioptas 2003, "Database-friendly random projections".
  torch::Tensor embedding;
  // Largest foreground score of any proposal that is not above the score threshold; 0 without proposals.
  float max_score_below = 0;
};

// Scalars with gradients, named as torchvision names them.
struct Losses {
  torch::Tensor loss_classifier;
  torch::Tensor loss_box_reg;
  torch::Tensor loss_objectness;
  torch::Tensor loss_rpn_box_reg;
  // Sampled proposals, over which the first two are means, and sampled anchors, over which the others are.
  // Without any the losses are 0.
  int64_t proposals = 0;
  int64_t anchors = 0;
  torch::Tensor positive_quality;  // [2, C], see positive_quality.h

  torch::Tensor Sum() const { return loss_classifier + loss_box_reg + loss_objectness + loss_rpn_box_reg; }
};

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_TYPES_H_
