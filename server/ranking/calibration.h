// Calibration of a detector's scores: how often a detection with a given score is correct, per class.
//
// Legend: N: detections; C: classes; B: breakpoints of a map.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace loupe::ranking {

// A detection compared with the labels of its image. Detections on regions to ignore are left out.
struct JudgedDetection {
  int32_t class_index = 0;  // 0-based
  double score = 0;         // raw, in [0, 1]
  bool correct = false;     // matched with a true box of its class at IoU 0.5
};

// Maps one class's scores to the probability that a detection is correct. Monotonic: a higher score never
// gets a lower probability.
struct CalibrationMap {
  enum class Kind {
    kIdentity,  // too few detections: the score itself
    kIsotonic,  // fitted to the detections of the class
    kPlatt,     // fitted to the detections of all classes
  };
  Kind kind = Kind::kIdentity;
  // kIsotonic: straight lines through B >= 2 points. Both arrays rise strictly, so different scores get
  // different probabilities.
  std::vector<double> scores;         // [B] the first is 0, the last 1
  std::vector<double> probabilities;  // [B] between 0 and 1, both excluded
  // kPlatt: sigmoid(slope * logit(score) + offset).
  double slope = 1;  // >= 0
  double offset = 0;
};

// Probability in [0, 1] that a detection of the map's class is correct. A score outside [0, 1] is clamped.
// Requires: score isn't NaN.
double Calibrated(const CalibrationMap& map, double score);

// [class_count] one map per class. Isotonic for a class with at least 10 correct and 10 wrong detections; the
// other classes share one map by Platt's method. With fewer than 50 detections in all, every class gets the
// identity.
// detections: [N], in any order; the order doesn't change the result. O(N log N).
// Requires: scores in [0, 1], class indices in [0, class_count).
// Sources: Zadrozny, Elkan 2002 (isotonic calibration); Oron, Flournoy 2017 (lines through the blocks'
// centres); Platt 1999 (the sigmoid and its smoothed targets).
std::vector<CalibrationMap> FitCalibration(std::span<const JudgedDetection> detections, int class_count);

// Detection expected calibration error (D-ECE) in [0, 1] of the probabilities that the maps give; with
// identity maps, of the raw scores. Ten bins of equal width by probability; a bin's error is the gap between
// its mean probability and its share of correct detections; the result is the mean over bins, weighted by
// detections. Size and place of the boxes don't enter. Nullopt without detections.
// detections: [N]. Use others than the maps were fitted to, or the error comes out too small. Many detections
// with tiny scores make it small, too: compare only errors with the same lowest score.
// maps: [C].
// Requires: scores in [0, 1], class indices in [0, C).
// Source: Küppers et al. 2020, with the confidence as the only dimension.
std::optional<double> DetectionCalibrationError(std::span<const JudgedDetection> detections,
                                                std::span<const CalibrationMap> maps);

}  // namespace loupe::ranking
