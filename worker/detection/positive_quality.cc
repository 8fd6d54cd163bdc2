#include "worker/detection/positive_quality.h"

#include <torch/types.h>

#include "worker/detection/boxes.h"

namespace loupe::detection {
namespace {

constexpr double kProbabilityPower = 0.6;

// Intersection over union [P] of boxes in pairs; 0 for a box without area.
torch::Tensor PairedIou(const torch::Tensor& boxes, const torch::Tensor& truth) {
  const auto intersections = Intersections(boxes, truth);
  return intersections / (BoxAreas(boxes) + BoxAreas(truth) - intersections);
}

}  // namespace

torch::Tensor PositiveQuality(const torch::Tensor& probabilities, const torch::Tensor& boxes,
                              const torch::Tensor& truth, const torch::Tensor& labels, int64_t classes) {
  torch::NoGradGuard no_grad;
  const auto quality =
      probabilities.pow(kProbabilityPower) * PairedIou(boxes, truth).clamp(0, 1).pow(1 - kProbabilityPower);
  auto sums = quality.new_zeros({2, classes});
  sums[0].index_add_(0, labels - 1, quality);
  sums[1].index_add_(0, labels - 1, torch::ones_like(quality));
  return sums;
}

}  // namespace loupe::detection
