// How unsure a model is of one predicted box, and how much each class counts.
//
// Legend: s: score of a box's own class; r: of its best other class; b: of the background; m: agreement with
// the mirrored image's prediction; all in [0, 1].
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "server/ranking/calibration.h"

namespace loupe::ranking {

enum class Strategy { kCombined, kEntropy, kMargin, kLeastConfidence, kConsistency, kRandom };

// "combined", "entropy", "margin", "least_confidence", "consistency", "random". Errors: INVALID_ARGUMENT
// names the known ones.
absl::StatusOr<Strategy> ParseStrategy(std::string_view name);
std::string_view StrategyName(Strategy strategy);

// How an image's score is made from the scores of its boxes.
enum class BoxToImage { kSum, kMean, kMax };

// "sum", "mean", "max". Errors: INVALID_ARGUMENT names them.
absl::StatusOr<BoxToImage> ParseBoxToImage(std::string_view name);

// Entropy in bits of a coin that shows heads with probability p; 0 at 0 and 1, 1 at ½. Requires: p in [0, 1].
double BinaryEntropy(double p);

struct PredictedBox {
  size_t class_index = 0;
  double score = 0;                 // s
  double runner_up = 0;             // r
  double background = 0;            // b
  std::optional<double> agreement;  // m; absent when the mirrored image was not predicted
};

// The box with s calibrated, and r and b in their old proportion to what s leaves.
PredictedBox Calibrated(const CalibrationMap& calibration, const PredictedBox& box);

// Uncertainty u of one box, in [0, 1]: entropy H(s); margin 1 - |s - max(r, b)|; least confidence
// 1 - max(s, r, b); consistency 1 - m; combined ½·H(s) + ½·(1 - m), without m H(s). Requires: a strategy that
// looks at boxes (not kRandom); for consistency, m.
// Source of consistency: Yu et al., CALD, CVPR 2021.
double BoxUncertainty(Strategy strategy, const PredictedBox& box);

// [classes] the weight of each class: w_c = clip(sqrt(median_j(n_j + 1) / (n_c + 1)), ½, 3) · d_c.
// boxes_per_class [classes]: n_c, people's boxes. learning_quality [classes]: q_c in [0, 1], how well
// the model learned the class, d_c = 1 + α·0.2·ln((e^(1/α) - 1)·(1 - q_c) + 1) with α = 0.3; empty: not
// known, d_c = 1. Source of d: Yang et al., Plug and Play Active Learning for Object Detection (PPAL), CVPR
// 2024.
std::vector<double> ClassWeights(std::span<const int64_t> boxes_per_class,
                                 std::span<const double> learning_quality);

// [classes] true for a class with fewer boxes than half the median of all classes.
std::vector<bool> RareClasses(std::span<const int64_t> boxes_per_class);

}  // namespace loupe::ranking
