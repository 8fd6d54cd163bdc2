// Which labels are likely wrong, by what a model says that was not trained on them.
//
// Legend: C: classes; G: labels of an image.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "evaluation/box_matching.h"

namespace loupe::evaluation {

enum class LabelErrorKind {
  kMissing,  // something is there that has no box
  kMoved,    // the box lies beside its thing
  kWrongClass,
  kInvented,  // nothing is there
};

// An image with its labels, and what a model says of it that has not learned them. The `image` of the boxes
// doesn't count.
struct CheckedImage {
  std::vector<TrueBox> labels;                    // [G] with regions to ignore (`crowd`)
  std::vector<std::vector<float>> probabilities;  // [G][C + 1] of the label's box, the first is background;
                                                  // empty for a region to ignore
  std::vector<DetectedBox> detections;            // scores from 0.01 up
};

struct LabelError {
  int32_t image = 0;  // its place
  LabelErrorKind kind = LabelErrorKind::kMissing;
  int32_t label = -1;  // its place in the image; -1: it is missing
  // What should be there instead, but for kInvented.
  Box box = {};
  int32_t class_index = -1;
  // How much more the model believes in that than in the label: the natural logarithm of the odds, above 0.
  double log_odds = 0;
};

// Errors with odds above even, the likeliest first; of each label and each place at most one.
//
// The model believes in a label as much as the second stage gives its class in its box, or as the best
// detection of its class with IoU of at least 0.5 has for a score. Against that stands its belief in another
// class (likewise), in another place of the class (a detection with IoU from 0.1 that no label explains), in
// nothing (one less the largest of all these), or, where no label is, a detection's score. Beliefs are at
// least 0.01, so that no ratio is decided by what the model can't tell. And the odds are at most one over how
// often, per label of the class, the model says as much: one that misses every second label tells little by
// missing one.
// Source: the idea of judging labels by the loss of a model that hasn't seen them is Northcutt et al. 2021
// (confident learning) and, for boxes, Schubert et al. 2023 (loss inspection); the odds are Loupe's own.
std::vector<LabelError> FindLabelErrors(std::span<const CheckedImage> images);

}  // namespace loupe::evaluation
