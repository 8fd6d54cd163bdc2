// How much one image would teach, from what the current model predicts for it.
//
// Legend: s: score of a box's own class; r: of its best other class; b: of the background; m: agreement with
// the mirrored image's prediction; all in [0, 1].
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "server/ranking/calibration.h"
#include "server/ranking/task_times.h"

namespace loupe::ranking {

enum class Strategy { kCombined, kEntropy, kMargin, kLeastConfidence, kConsistency, kRandom };

// Takes a name of kStrategyNames (recipe/strategies.h). Errors: INVALID_ARGUMENT, which lists these names.
absl::StatusOr<Strategy> ParseStrategy(std::string_view name);
std::string_view StrategyName(Strategy strategy);

// How the boxes of an image become one number.
enum class BoxToImage { kSum, kMean, kMax };

// Takes a name of kBoxToImageNames. Errors: INVALID_ARGUMENT, which lists these names.
absl::StatusOr<BoxToImage> ParseBoxToImage(std::string_view name);

// Entropy in bits of a coin that shows heads with probability p; 0 at 0 and 1, 1 at ½. Requires: p in [0, 1].
double BinaryEntropy(double p);

struct PredictedBox {
  int32_t category = 0;             // index of the class, 0-based
  double score = 0;                 // s
  double runner_up = 0;             // r
  double background = 0;            // b
  std::optional<double> agreement;  // m, with the mirrored image's prediction; absent without a mirrored pass
};

// The box with s calibrated, and r and b in their old proportion to what s leaves.
PredictedBox Calibrated(const CalibrationMap& calibration, const PredictedBox& box);

// Uncertainty u of one box, in [0, 1]: entropy H(s); margin 1 - |s - max(r, b)|; least confidence
// 1 - max(s, r, b); consistency 1 - m; combined ½·H(s) + ½·(1 - m), without m H(s). Requires: a strategy that
// looks at boxes (not kRandom); for consistency, m.
// Source of consistency: Yu et al., CALD, CVPR 2021.
double BoxUncertainty(Strategy strategy, const PredictedBox& box);

// What a class counts for [classes]: w_c = clip(sqrt(median_j(n_j + 1) / (n_c + 1)), ½, 3) · d_c.
// boxes_per_class [classes]: n_c, people's boxes. learning_quality [classes]: q_c in [0, 1], how well
// training went on the class, d_c = 1 + α·0.2·ln((e^(1/α) - 1)·(1 - q_c) + 1) with α = 0.3; empty: not known,
// d_c = 1. Source of d: Yang et al., Plug and Play Active Learning for Object Detection (PPAL), CVPR 2024.
std::vector<double> ClassWeights(std::span<const int64_t> boxes_per_class,
                                 std::span<const double> learning_quality);

struct PredictedImage {
  int64_t image_id = 0;
  std::vector<PredictedBox> boxes;  // raw, in any order, from a score of 0.01 up
  double largest_foreground = 0;    // of any proposal, whether or not it became a box
};

struct ScoringOptions {
  Strategy strategy = Strategy::kCombined;
  BoxToImage box_to_image = BoxToImage::kSum;
  double cost_exponent = 0.5;  // γ: 0 takes no account of cost, 1 is worth per second of a person's time
  TaskTimes task_times;
  std::vector<double> class_weights;         // w [classes]; empty: all 1
  std::vector<bool> rare_classes;            // [classes], for `rare_evidence`; empty: none
  std::vector<CalibrationMap> calibrations;  // [classes]; empty: scores are taken as they are
  uint64_t seed = 0;                         // of the ranking's random draws
};

struct ImageScore {
  int64_t image_id = 0;
  double score = 0;          // higher teaches more
  bool empty = false;        // no box with s >= 0.05
  size_t main_class = 0;     // the class whose boxes add most to the score, the lower of equals; 0 if empty
  double rare_evidence = 0;  // highest s among its boxes of rare classes; 0 without one
};

struct SetAsideImage {
  int64_t image_id = 0;
  std::string reason;
};

struct ScoredPool {
  std::vector<ImageScore> scored;  // in the order given
  // Not to be ranked: numbers outside [0, 1], NaN or infinite; for consistency, no agreements.
  std::vector<SetAsideImage> set_aside;
};

// Scores a pool, an image at a time, so that a million predictions need not be in memory together. Over an
// image's 20 most confident boxes with s >= 0.05, s calibrated:
//   score = A / (t0 + t_box·n̂)^γ,  n̂ = Σ s over all its boxes with s >= 0.05,
//   A = Σ p·w_c·u (sum), Σ p·w_c·u / Σ p (mean) or the largest p·w_c·u (max).
// p says how much of a box there is: s for combined, for else a crowd of boxes that are hardly there (and
// that a mirrored image seldom shows again) outweighs the objects; 1 for the other strategies, as they are
// known. An image without such a box scores H(largest s) / H(0.05) times the median score of the images with
// boxes: below the median, neither never nor always first. kRandom: uniform numbers, in the order that
// PlanRanking draws with the same seed.
class PoolScorer {
 public:
  explicit PoolScorer(ScoringOptions options) : options_(std::move(options)) {}

  void Add(const PredictedImage& image);
  ScoredPool Finish() &&;

 private:
  std::vector<PredictedBox> CountedBoxes(const PredictedImage& image) const;
  void ScoreBoxes(const std::vector<PredictedBox>& counted, ImageScore& score) const;
  double EmptyScore(const PredictedImage& image) const;
  double RareEvidence(const std::vector<PredictedBox>& counted) const;
  PredictedBox Calibrate(const PredictedBox& box) const;

  ScoringOptions options_;
  ScoredPool pool_;
};

// [classes] true where people drew fewer than half the median's boxes.
std::vector<bool> RareClasses(std::span<const int64_t> boxes_per_class);

}  // namespace loupe::ranking
