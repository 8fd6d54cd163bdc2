// How sure AP50 is: intervals by drawing the evaluated images again and again, with replacement.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "evaluation/coco_metrics.h"

namespace loupe::evaluation {

struct BootstrapOptions {
  int resamples = 1000;
  double level = 0.9;  // share of the resamples that the interval holds
  uint64_t seed = 0;   // the same seed gives the same interval everywhere
  int threads = 0;     // 0: one for each processor; the numbers don't depend on it
};

// `value` is the figure on the images themselves, `low` and `high` are quantiles of the resamples. All -1
// where there is no true box; then there is nothing to judge.
struct Estimate {
  double value = -1;
  double low = -1;
  double high = -1;
};

// A model's matches at IoU 0.5, made once so that a resample costs one pass over them.
class Ap50Matches {
 public:
  // Same requirements as EvaluateCoco.
  Ap50Matches(const GroundTruth& truth, std::span<const DetectedBox> detections);

  int image_count() const { return image_count_; }

  // AP50, averaged over the categories with true boxes, of a set that holds image i `copies[i]` times
  // (size image_count). -1 when that set has no true box. With every image once it is pycocotools' AP50.
  double Ap50(std::span<const uint32_t> copies) const;

 private:
  struct Detection {
    int32_t image;
    bool correct;
  };
  struct ImageCount {
    int32_t image;
    uint32_t truths;
  };
  struct Category {
    std::vector<Detection> detections;  // by falling score; ignored ones are left out
    std::vector<ImageCount> images;     // those with true boxes
  };
  static double CategoryAp50(const Category& category, std::span<const uint32_t> copies);

  int image_count_ = 0;
  std::vector<Category> categories_;
};

Estimate BootstrapAp50(const Ap50Matches& model, const BootstrapOptions& options = {});

struct PairedEstimate {
  double baseline = -1;  // AP50 on the images themselves
  double candidate = -1;
  double difference = 0;  // candidate - baseline, with its interval; 0 where there is no true box
  double low = 0;
  double high = 0;
};

// Both models on the same drawn images, so that what makes an image hard for both cancels out.
// Requires: both made from the same truth.
PairedEstimate PairedBootstrap(const Ap50Matches& baseline, const Ap50Matches& candidate,
                               const BootstrapOptions& options = {});

}  // namespace loupe::evaluation
