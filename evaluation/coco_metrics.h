// COCO's detection metrics, equal to pycocotools' for boxes.
#pragma once

#include <span>
#include <vector>

#include "evaluation/box_matching.h"

namespace loupe::evaluation {

// The true boxes of a set of images. Images without boxes count too: all that is detected in them is wrong.
struct GroundTruth {
  int image_count = 0;
  int num_classes = 0;
  std::vector<TrueBox> boxes;
};

// COCO's 12 numbers in [0, 1]; -1 where no true box is in the area range.
// ap: average precision, mean over the IoU thresholds 0.50 to 0.95; ap50 and ap75: at one threshold. ar:
// average recall, mean over the same thresholds, with at most 1, 10 or 100 detections per image and class
// (elsewhere 100). Areas in square pixels: small up to 32², medium up to 96², large above.
struct CocoSummary {
  double ap = -1;
  double ap50 = -1;
  double ap75 = -1;
  double ap_small = -1;
  double ap_medium = -1;
  double ap_large = -1;
  double ar_1 = -1;
  double ar_10 = -1;
  double ar_100 = -1;
  double ar_small = -1;
  double ar_medium = -1;
  double ar_large = -1;
};

// Of one class. -1 without true boxes; means over classes leave such classes out.
struct ClassMetrics {
  double ap = -1;
  double ap50 = -1;
};

struct CocoMetrics {
  CocoSummary overall;
  std::vector<ClassMetrics> per_class;  // [num_classes]
};

// threads: 0: one per processor; results don't depend on it.
// Requires: finite numbers.
// Errors: throws std::out_of_range unless image indices are below image_count and class indices below
// num_classes.
CocoMetrics EvaluateCoco(const GroundTruth& truth, std::span<const DetectedBox> detections, int threads = 0);

}  // namespace loupe::evaluation
