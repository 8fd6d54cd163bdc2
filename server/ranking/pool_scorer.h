// How much each image of a pool would teach, from what the current model predicts for it.
//
// Legend: s, r, b, m, u, w: as in uncertainty.h; t0, t_box: seconds that a person needs per image and per
// box; n̂: expected boxes of the image; H: BinaryEntropy.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "server/ranking/calibration.h"
#include "server/ranking/task_times.h"
#include "server/ranking/uncertainty.h"

namespace loupe::ranking {

struct PredictedImage {
  int64_t image_id = 0;
  std::vector<PredictedBox> boxes;  // raw, in any order, from a score of 0.01 up
  double largest_foreground = 0;    // highest s of any proposal, also of those that became no box
};

struct ScoringOptions {
  Strategy strategy = Strategy::kCombined;
  BoxToImage box_to_image = BoxToImage::kSum;
  double cost_exponent = 0.5;  // γ: 0 ignores cost, 1 divides by the person's seconds
  TaskTimes task_times;
  std::vector<double> class_weights;         // w [classes]; empty: all 1
  std::vector<bool> rare_classes;            // [classes], for `rare_evidence`; empty: none
  std::vector<CalibrationMap> calibrations;  // [classes]; empty: scores are taken as they are
  uint64_t seed = 0;                         // of the ranking's random draws
};

// An unlabelled image of the pool that may be served.
struct Candidate {
  int64_t image_id = 0;
  std::optional<double> score;  // higher teaches more; none: only the random slice may hold the image
  bool empty = false;           // no box with s >= 0.05
  double rare_evidence = 0;     // highest s among its boxes of rare classes; 0 without one
  // Index of the class whose boxes add most to the score, the lower of equals; 0 if empty.
  size_t main_class = 0;
};

struct SetAsideImage {
  int64_t image_id = 0;
  std::string reason;
};

struct ScoredPool {
  std::vector<Candidate> scored;  // all with a score; in the order given
  // Images that can't be ranked: a number outside [0, 1], NaN or infinite; for consistency, no agreement.
  std::vector<SetAsideImage> set_aside;
};

// Scores a pool, one image at a time, so that a million predictions need not be in memory together. Over an
// image's 20 most confident boxes with s >= 0.05, s calibrated:
//   score = A / (t0 + t_box·n̂)^γ,  n̂ = Σ s over all its boxes with s >= 0.05,
//   A = Σ p·w_c·u (sum), Σ p·w_c·u / Σ p (mean) or the largest p·w_c·u (max).
// p is s for the strategy combined. Otherwise a crowd of very unlikely boxes, which a mirrored image seldom
// shows again, would outweigh the objects. p is 1 for the other strategies, as in their sources. An image
// without such a box scores H(largest s) / H(0.05) times the median score of the images with boxes: always
// below the median, but not always last. kRandom: uniform numbers, in the order that PlanRanking draws with
// the same seed.
class PoolScorer {
 public:
  explicit PoolScorer(ScoringOptions options) : options_(std::move(options)) {}

  void Add(const PredictedImage& image);
  ScoredPool Finish() &&;

 private:
  std::vector<PredictedBox> CountedBoxes(const PredictedImage& image) const;
  void ScoreBoxes(const std::vector<PredictedBox>& counted, Candidate& image) const;
  double EmptyScore(const PredictedImage& image) const;
  double RareEvidence(const std::vector<PredictedBox>& counted) const;
  PredictedBox Calibrate(const PredictedBox& box) const;

  ScoringOptions options_;
  ScoredPool pool_;
};

}  // namespace loupe::ranking
