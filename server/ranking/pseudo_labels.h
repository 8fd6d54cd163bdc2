// Which of a model's boxes are sure enough to be trained on although no person has seen them.
//
// Legend: N: detections; C: classes; n: boxes of an image.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "server/ranking/calibration.h"

namespace loupe::ranking {

// Below it a box is taken for background; from it up, for something that is not known.
inline constexpr float kPseudoLabelFloor = 0.1F;

struct PseudoThreshold {
  std::optional<double> min_score;  // nullopt: no score is sure enough
  // The detections of the class from min_score up, and how many of them are right. 0 without one.
  int64_t judged = 0;
  int64_t correct = 0;
};

// [class_count] The least score, at least kPseudoLabelFloor, from which up the share of right detections is
// at least `min_precision` by the lower end of its 90 % interval (Wilson). detections [N]: of labelled images
// that the model was not trained on, in any order, which changes nothing. The interval is that of one score;
// the best of many is chosen, which flatters a little. Requires: min_precision in (0, 1); scores not NaN,
// categories in [0, class_count). Source: Wilson 1927.
std::vector<PseudoThreshold> PseudoThresholds(std::span<const JudgedDetection> detections, int class_count,
                                              double min_precision);

// A model's boxes in an image that nobody has labelled.
struct PseudoCandidate {
  int64_t image_id = 0;
  std::vector<int32_t> class_indices;  // [n] 0-based
  std::vector<float> scores;           // [n] not NaN
};

// [candidates] [n] whether a box is taken. Of each class at most `most_boxes` [C], those with the best
// scores; ties go to the lower image id, then to the box that comes first. The order of the candidates
// changes nothing. Requires: thresholds [C]; categories in [0, C).
std::vector<std::vector<bool>> ChoosePseudoLabels(std::span<const PseudoCandidate> candidates,
                                                  std::span<const PseudoThreshold> thresholds,
                                                  std::span<const int64_t> most_boxes);

}  // namespace loupe::ranking
