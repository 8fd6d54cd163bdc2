#include "server/ranking/pseudo_labels.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <tuple>

namespace loupe::ranking {
namespace {

// Lower end of Wilson's 90 % interval of a share. Requires: judged > 0.
double WilsonLowerEnd(int64_t correct, int64_t judged) {
  static const double z = boost::math::quantile(boost::math::normal(), 0.95);
  const double z2 = z * z;
  const auto n = static_cast<double>(judged);
  const double share = static_cast<double>(correct) / n;
  const double spread = z * std::sqrt(share * (1 - share) / n + z2 / (4 * n * n));
  return (share + z2 / (2 * n) - spread) / (1 + z2 / n);
}

// detections: of one class, by falling score.
PseudoThreshold ThresholdOf(const std::vector<JudgedDetection>& detections, double min_precision) {
  PseudoThreshold threshold;
  int64_t correct = 0;
  for (size_t i = 0; i < detections.size(); ++i) {
    correct += detections[i].correct ? 1 : 0;
    // A threshold takes all detections with its score.
    if (i + 1 < detections.size() && detections[i + 1].score == detections[i].score) continue;
    const auto judged = static_cast<int64_t>(i) + 1;
    if (WilsonLowerEnd(correct, judged) >= min_precision) threshold = {detections[i].score, judged, correct};
  }
  return threshold;
}

struct SureBox {
  float score;
  int64_t image_id;
  size_t candidate;
  size_t box;

  bool operator<(const SureBox& other) const {
    return std::tuple(-score, image_id, box) < std::tuple(-other.score, other.image_id, other.box);
  }
};

}  // namespace

std::vector<PseudoThreshold> PseudoThresholds(std::span<const JudgedDetection> detections, int class_count,
                                              double min_precision) {
  std::vector<std::vector<JudgedDetection>> of_class(static_cast<size_t>(class_count));
  for (const JudgedDetection& detection : detections) {
    if (detection.score >= kPseudoLabelFloor)
      of_class[static_cast<size_t>(detection.class_index)].push_back(detection);
  }
  std::vector<PseudoThreshold> thresholds;
  for (std::vector<JudgedDetection>& one : of_class) {
    std::sort(one.begin(), one.end(), [](const auto& a, const auto& b) { return a.score > b.score; });
    thresholds.push_back(ThresholdOf(one, min_precision));
  }
  return thresholds;
}

std::vector<std::vector<bool>> ChoosePseudoLabels(std::span<const PseudoCandidate> candidates,
                                                  std::span<const PseudoThreshold> thresholds,
                                                  std::span<const int64_t> most_boxes) {
  std::vector<std::vector<bool>> taken;
  std::vector<std::vector<SureBox>> of_class(thresholds.size());
  for (size_t i = 0; i < candidates.size(); ++i) {
    const PseudoCandidate& candidate = candidates[i];
    taken.emplace_back(candidate.scores.size());
    for (size_t box = 0; box < candidate.scores.size(); ++box) {
      const auto class_index = static_cast<size_t>(candidate.class_indices[box]);
      const std::optional<double> least = thresholds[class_index].min_score;
      if (!least.has_value() || candidate.scores[box] < *least) continue;
      of_class[class_index].push_back({candidate.scores[box], candidate.image_id, i, box});
    }
  }
  for (size_t c = 0; c < of_class.size(); ++c) {
    std::vector<SureBox>& sure = of_class[c];
    std::sort(sure.begin(), sure.end());
    if (static_cast<int64_t>(sure.size()) > most_boxes[c]) sure.resize(static_cast<size_t>(most_boxes[c]));
    for (const SureBox& box : sure) taken[box.candidate][box.box] = true;
  }
  return taken;
}

}  // namespace loupe::ranking
