// What a detector's scores are worth: how often a detection with a given score is right, class by class.
//
// Legend: N: detections; C: classes; B: breakpoints of a map.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace loupe::ranking {

// A detection held against the labels of its image. Detections on regions to ignore are left out.
struct JudgedDetection {
  int32_t class_index = 0;  // index of the class, 0-based
  double score = 0;         // raw, in [0, 1]
  bool correct = false;     // took a true box of its class at IoU 0.5
};

// One class's way from a score to the probability of being right. Never falls as the score rises.
struct CalibrationMap {
  enum class Kind {
    kIdentity,  // too little is known: the score as it is
    kIsotonic,  // fitted to the class itself
    kPlatt,     // fitted to the detections of all classes
  };
  Kind kind = Kind::kIdentity;
  // kIsotonic: straight lines through B >= 2 points. Both rise strictly, so that no two scores become one.
  std::vector<double> scores;         // [B] the first is 0, the last 1
  std::vector<double> probabilities;  // [B] between 0 and 1, both excluded
  // kPlatt: sigmoid(slope * logit(score) + offset).
  double slope = 1;  // >= 0
  double offset = 0;
};

// Probability that a detection of the map's class is right, in [0, 1].
// A score outside [0, 1] counts as the end next to it. Requires: score isn't NaN.
double Calibrated(const CalibrationMap& map, double score);

// [class_count] a map for each class: isotonic; for a class with fewer than 10 right or 10 wrong detections
// Platt's, one for all of them; the identity for every class when there are fewer than 50 detections in all.
// detections [N]: in any order, which changes nothing. O(N log N).
// Requires: scores in [0, 1], categories in [0, class_count).
// Sources: Zadrozny, Elkan 2002 (isotonic calibration); Oron, Flournoy 2017 (lines through the blocks'
// centres); Platt 1999 (the sigmoid and its smoothed targets).
std::vector<CalibrationMap> FitCalibration(std::span<const JudgedDetection> detections, int class_count);

// Detection expected calibration error (D-ECE) in [0, 1] of the probabilities that the maps give; of the raw
// scores with maps of kIdentity. Ten bins of equal width over the probability, each with the gap between its
// mean probability and its share of right detections, weighted by its detections. Looks at scores alone, not
// at where a box is or how large. Nullopt without detections.
// detections [N]: others than the maps were fitted to, or the figure flatters the maps. Many detections of
// tiny scores make it small as well: compare only figures with the same least score.
// maps [C]. Requires: scores in [0, 1], categories in [0, C).
// Source: Küppers et al. 2020, with the confidence as the only dimension.
std::optional<double> DetectionCalibrationError(std::span<const JudgedDetection> detections,
                                                std::span<const CalibrationMap> maps);

}  // namespace loupe::ranking
