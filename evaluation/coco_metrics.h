// COCO's detection metrics, equal to pycocotools' for boxes.
#pragma once

#include <span>
#include <vector>

#include "evaluation/box_matching.h"

namespace loupe::evaluation {

// The truth of a set of images. Images without boxes count too: what is detected on them is wrong.
struct GroundTruth {
  int image_count = 0;
  int num_classes = 0;
  std::vector<TrueBox> boxes;
};

// COCO's 12 numbers in [0, 1]; -1 where no true box falls into the area range. Precision averages over the
// thresholds 0.50 to 0.95 unless named; at most 100 detections an image and category unless named.
// Areas in square pixels: small up to 32², medium up to 96², large above.
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

// -1 for a category without true boxes; means over categories leave such categories out.
struct ClassMetrics {
  double ap = -1;
  double ap50 = -1;
};

struct CocoMetrics {
  CocoSummary overall;
  std::vector<ClassMetrics> per_class;  // [num_classes]
};

// Requires: indices within `truth`'s counts, finite numbers. Errors: none.
// threads: how many to use; 0 means one for each processor. The numbers don't depend on it.
CocoMetrics EvaluateCoco(const GroundTruth& truth, std::span<const DetectedBox> detections, int threads = 0);

}  // namespace loupe::evaluation
