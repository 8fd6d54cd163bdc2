#include "worker/detection/agreement.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "worker/detection/boxes.h"

namespace loupe::detection {
namespace {

struct OverlappingPair {
  float iou = 0;
  int64_t original = 0;
  int64_t mirrored = 0;
};

// All overlapping pairs by descending IoU, then by index.
std::vector<OverlappingPair> OverlappingPairs(const torch::Tensor& iou) {
  const auto values = iou.accessor<float, 2>();
  std::vector<OverlappingPair> pairs;
  for (int64_t i = 0; i < iou.size(0); ++i) {
    for (int64_t j = 0; j < iou.size(1); ++j) {
      if (values[i][j] > 0) pairs.push_back({values[i][j], i, j});
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(),
                   [](const OverlappingPair& a, const OverlappingPair& b) { return a.iou > b.iou; });
  return pairs;
}

// Jensen-Shannon divergence in bits of two distributions [C + 1].
float JensenShannon(const torch::Tensor& first, const torch::Tensor& second) {
  const auto p = first.to(torch::kFloat64), q = second.to(torch::kFloat64);
  const auto middle = (p + q) / 2;
  const auto divergence = torch::xlogy(p, p) + torch::xlogy(q, q) - 2 * torch::xlogy(middle, middle);
  const double bits = divergence.sum().item<double>() / 2 / std::log(2.0);
  return static_cast<float>(std::clamp(bits, 0.0, 1.0));
}

}  // namespace

torch::Tensor MirrorBoxes(const torch::Tensor& boxes, int64_t width) {
  return torch::stack(
      {width - boxes.select(1, 2), boxes.select(1, 1), width - boxes.select(1, 0), boxes.select(1, 3)}, 1);
}

MirrorMatch MatchMirrored(const Detections& original, const Detections& mirrored) {
  const int64_t count = original.boxes.size(0);
  MirrorMatch match = {torch::zeros({count}), torch::zeros({count, 4})};
  const auto iou = BoxIou(original.boxes, mirrored.boxes).to(torch::kCPU);
  const auto first = original.probabilities.to(torch::kCPU);
  const auto second = mirrored.probabilities.to(torch::kCPU);
  const auto boxes = mirrored.boxes.to(torch::kCPU);
  std::vector<bool> original_taken(iou.size(0)), mirrored_taken(iou.size(1));
  for (const OverlappingPair& pair : OverlappingPairs(iou)) {
    if (original_taken[pair.original] || mirrored_taken[pair.mirrored]) continue;
    original_taken[pair.original] = mirrored_taken[pair.mirrored] = true;
    const float divergence = JensenShannon(first[pair.original], second[pair.mirrored]);
    match.agreement[pair.original] = (pair.iou + 1 - divergence) / 2;
    match.partners[pair.original] = boxes[pair.mirrored];
  }
  return match;
}

}  // namespace loupe::detection
