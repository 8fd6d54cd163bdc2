// Bootstrap intervals of AP50: the evaluated images are drawn again with replacement, many times.
//
// Legend: N: evaluated images.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "evaluation/coco_metrics.h"

namespace loupe::evaluation {

struct BootstrapOptions {
  int resamples = 1000;
  double level = 0.9;  // share of the resamples inside the interval, in (0, 1)
  uint64_t seed = 0;   // the same seed gives the same interval everywhere
  int threads = 0;     // 0: one per processor; results don't depend on it
};

// AP50 in [0, 1]: `value` is that of the images themselves, `low` and `high` are quantiles of the resamples.
// All three are -1 if no image has a true box.
struct Estimate {
  double value = -1;
  double low = -1;
  double high = -1;
};

// A model's detections, matched with the true boxes at IoU 0.5. Matching is done once; AP50 of a resample is
// then one pass over the detections.
class Ap50Matches {
 public:
  // Same requirements as EvaluateCoco.
  Ap50Matches(const GroundTruth& truth, std::span<const DetectedBox> detections);

  int image_count() const { return image_count_; }

  // AP50 in [0, 1] of a set that holds image i `copies[i]` times: the mean over the classes with true boxes
  // in the set; -1 if no class has one. With each image once it equals pycocotools' AP50. copies: [N].
  double Ap50(std::span<const uint32_t> copies) const;

  // [classes] AP50 of each class in such a set; -1 where the set has no true box of it.
  std::vector<double> Ap50PerClass(std::span<const uint32_t> copies) const;

  // The same of kSets sets at once, but for rounding: set s holds image i `copies[i * kSets + s]` times.
  // ap50: [classes, kSets].
  static constexpr size_t kSets = 16;
  void Ap50PerClassOfSets(std::span<const int32_t> copies, std::vector<double>& ap50) const;

  // A point of a precision-recall curve at IoU 0.5. Detections with at least `score` reach the recall;
  // `precision` is the best one at that recall or a higher one.
  struct PrecisionPoint {
    double recall;
    double precision;
    double score;
  };
  // Of one class, at recall 0, 0.01 … up to the highest that is reached. The mean of the precisions, 0 where
  // a recall isn't reached, is the class's AP50. Empty without true boxes or detections that count.
  std::vector<PrecisionPoint> PrecisionCurve(int class_index) const;

 private:
  struct Detection {
    int32_t image;
    bool correct;
    double score;
  };
  struct ImageCount {
    int32_t image;
    uint32_t truths;
  };
  struct OneClass {
    std::vector<Detection> detections;  // by falling score, without those that COCO ignores
    std::vector<ImageCount> images;     // with at least one true box of the class
  };
  static double Ap50Of(const OneClass& one, std::span<const uint32_t> copies);

  int image_count_ = 0;
  std::vector<OneClass> classes_;
};

Estimate BootstrapAp50(const Ap50Matches& model, const BootstrapOptions& options = {});

struct ClassEstimates {
  Estimate mean;                    // as BootstrapAp50
  std::vector<Estimate> per_class;  // [classes]
};

// As BootstrapAp50, for each class too, on the same resamples. The interval of a class is over those that
// have a true box of it.
ClassEstimates BootstrapAp50PerClass(const Ap50Matches& model, const BootstrapOptions& options = {});

struct PairedEstimate {
  double baseline = -1;  // AP50 of the images themselves; -1 if none has a true box
  double candidate = -1;
  double difference =
      0;  // candidate - baseline; low and high are its interval. All 0 if there is no true box
  double low = 0;
  double high = 0;
  // [classes] the same for each class, on those resamples that have a true box of it. Empty in these.
  std::vector<PairedEstimate> per_class = {};
};

// Compares two models on the same resamples, so that images which are hard for both models don't widen the
// interval.
// Requires: both made from the same truth.
PairedEstimate PairedBootstrap(const Ap50Matches& baseline, const Ap50Matches& candidate,
                               const BootstrapOptions& options = {});

}  // namespace loupe::evaluation
