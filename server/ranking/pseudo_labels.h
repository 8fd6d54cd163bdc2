// Pseudo-labels: boxes of a model that are certain enough to train on although no person has seen them.
//
// Legend: N: detections; C: classes; n: boxes in an image.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "server/ranking/calibration.h"

namespace loupe::ranking {

// A box with a lower score is taken for background. From this score up it is unknown what the box shows.
inline constexpr float kPseudoLabelFloor = 0.1F;

struct PseudoThreshold {
  std::optional<double> min_score;  // nullopt: no score is certain enough
  // The detections of the class from min_score up, and how many of them are correct. 0 without min_score.
  int64_t judged = 0;
  int64_t correct = 0;
};

// [class_count] the lowest score, at least kPseudoLabelFloor, from which up enough detections of the class
// are correct: the lower end of the 90 % interval of their share (Wilson) is at least `min_precision`.
// detections: [N], from labelled images that the model was not trained on, in any order; the order doesn't
// change the result.
// The interval is valid for one given score. The best of many scores is chosen, which makes the precision
// look slightly too good.
// Requires: min_precision in (0, 1); scores not NaN, class indices in [0, class_count).
// Source: Wilson 1927.
std::vector<PseudoThreshold> PseudoThresholds(std::span<const JudgedDetection> detections, int class_count,
                                              double min_precision);

// A model's boxes in an unlabelled image.
struct PseudoCandidate {
  int64_t image_id = 0;
  std::vector<int32_t> class_indices;  // [n] 0-based
  std::vector<float> scores;           // [n] not NaN
};

// [candidates, n] whether a box becomes a pseudo-label. A box must reach the threshold of its class. Per
// class, at most `most_boxes` [C] with the highest scores are taken; ties go to the lower image id, then to
// the earlier box. The order of the candidates doesn't change the result.
// Requires: thresholds [C]; class indices in [0, C).
std::vector<std::vector<bool>> ChoosePseudoLabels(std::span<const PseudoCandidate> candidates,
                                                  std::span<const PseudoThreshold> thresholds,
                                                  std::span<const int64_t> most_boxes);

}  // namespace loupe::ranking
