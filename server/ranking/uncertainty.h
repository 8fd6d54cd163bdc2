// How much one image would teach, from what the current model predicts for it.
//
// Legend: s: score of a box's own class; r: of its best other class; b: of the background; all in [0, 1].
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace loupe::ranking {

enum class Strategy { kEntropy, kMargin, kLeastConfidence, kRandom };

// "entropy", "margin", "least_confidence", "random". Errors: INVALID_ARGUMENT names the known ones.
absl::StatusOr<Strategy> ParseStrategy(std::string_view name);
std::string_view StrategyName(Strategy strategy);

// Entropy in bits of a coin that shows heads with probability p; 0 at 0 and 1, 1 at ½. Requires: p in [0, 1].
double BinaryEntropy(double p);

struct PredictedBox {
  int32_t category = 0;   // index of the class, 0-based
  double score = 0;       // s
  double runner_up = 0;   // r
  double background = 0;  // b
};

// Uncertainty u of one box, in [0, 1]: entropy H(s); margin 1 - |s - max(r, b)|; least confidence
// 1 - max(s, r, b). Requires: a strategy that looks at boxes (not kRandom).
double BoxUncertainty(Strategy strategy, const PredictedBox& box);

struct PredictedImage {
  int64_t image_id = 0;
  std::vector<PredictedBox> boxes;  // raw, in any order, from a score of 0.01 up
};

struct ScoringOptions {
  Strategy strategy = Strategy::kEntropy;
  double cost_exponent = 0.5;      // γ: 0 is the plain sum, 1 worth per second of a person's time
  double seconds_per_image = 2.0;  // t0
  double seconds_per_box = 4.0;    // t_box
  uint64_t seed = 0;               // of the ranking's random draws
};

struct ImageScore {
  int64_t image_id = 0;
  double score = 0;          // higher teaches more
  bool empty = false;        // no box with s >= 0.05
  double rare_evidence = 0;  // highest s among its boxes of rare classes; 0 without one
};

struct SetAsideImage {
  int64_t image_id = 0;
  std::string reason;
};

struct ScoredPool {
  std::vector<ImageScore> scored;        // in the order given
  std::vector<SetAsideImage> set_aside;  // numbers outside [0, 1], NaN or infinite: not to be ranked
};

// Scores a pool. Over an image's 20 most confident boxes with s >= 0.05:
//   score = Σ u / (t0 + t_box·n̂)^γ,  n̂ = Σ s over all its boxes with s >= 0.05.
// An image without such a box scores H(largest s) / H(0.05) times the median score of the images with boxes:
// below the median, neither never nor always first. kRandom: uniform numbers, in the order that PlanRanking
// draws with the same seed.
// boxes_per_class [classes]: people's boxes of each class, for `rare_evidence`; see RareClasses.
ScoredPool ScorePool(std::span<const PredictedImage> images, std::span<const int64_t> boxes_per_class,
                     const ScoringOptions& options);

// [classes] true where people drew fewer than half the median's boxes.
std::vector<bool> RareClasses(std::span<const int64_t> boxes_per_class);

}  // namespace loupe::ranking
