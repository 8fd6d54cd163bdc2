// What became of each true box and of each detection from a score threshold up: right, or wrong in one of
// four ways.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "evaluation/coco_metrics.h"

namespace loupe::evaluation {

enum class MatchKind { kMatched, kConfused, kBadlyPlaced, kFalsePositive, kMissed };

struct BoxMatch {
  MatchKind kind = MatchKind::kMatched;
  // Indices in the arguments of MatchBoxes; -1: none. A false positive with a true box lies on one that
  // another detection of its class has found.
  int32_t truth = -1;
  int32_t detection = -1;
  double iou = 0;  // of the two; 0 unless there are both
  // Of a missed box: the highest score below the threshold of a detection of its class with IoU of at least
  // 0.5; 0: there is none.
  double near_score = 0;
};

// Matches the detections of each image that have at least this score, every true box once, by falling score:
// first with true boxes of their class at IoU 0.5, as COCO does; then what is left with true boxes of another
// class at IoU 0.5; then with true boxes of their class at IoU 0.1. Detections on regions to ignore, and
// those beyond COCO's hundred per class and image, are left out. By image; within it in the order of the
// kinds.
// Source: after TIDE (Bolya et al. 2020), whose kinds Loc, Cls, Bkg with Dupe, and Miss these are.
// Requires, errors: as EvaluateCoco.
std::vector<BoxMatch> MatchBoxes(const GroundTruth& truth, std::span<const DetectedBox> detections,
                                 double score_threshold);

}  // namespace loupe::evaluation
