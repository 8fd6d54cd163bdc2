#include "worker/detection/nms.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "worker/detection/boxes.h"
#include "worker/detection/kernel.h"

namespace loupe::detection {
namespace {

// Up to this many boxes torchvision 0.14 shifts groups apart on a CPU.
constexpr int64_t kMaxMovedBoxes = 1000;

// Boxes by descending score, one array per coordinate, so that the inner loop is vectorised.
struct SortedBoxes {
  std::vector<float> x1, y1, x2, y2, area;

  explicit SortedBoxes(int64_t count) : x1(count), y1(count), x2(count), y2(count), area(count) {}
};

// Marks the boxes after `kept` whose IoU with it is above `threshold`. The file is compiled without
// contraction into FMA, so that ties round as in torchvision.
LOUPE_CPU_KERNEL void Suppress(const SortedBoxes& boxes, int64_t kept, float threshold, uint8_t* suppressed) {
  const int64_t count = static_cast<int64_t>(boxes.area.size());
  const float x1 = boxes.x1[kept], y1 = boxes.y1[kept], x2 = boxes.x2[kept], y2 = boxes.y2[kept];
  const float area = boxes.area[kept];
  const float* __restrict bx1 = boxes.x1.data();
  const float* __restrict by1 = boxes.y1.data();
  const float* __restrict bx2 = boxes.x2.data();
  const float* __restrict by2 = boxes.y2.data();
  const float* __restrict areas = boxes.area.data();
  for (int64_t j = kept + 1; j < count; ++j) {
    const float width = std::max(0.0f, std::min(x2, bx2[j]) - std::max(x1, bx1[j]));
    const float height = std::max(0.0f, std::min(y2, by2[j]) - std::max(y1, by1[j]));
    const float intersection = width * height;
    const float iou = intersection / (area + areas[j] - intersection);
    suppressed[j] |= static_cast<uint8_t>(iou > threshold);
  }
}

torch::Tensor NmsCpu(const torch::Tensor& boxes, const torch::Tensor& scores, double threshold) {
  const int64_t count = boxes.size(0);
  const auto order = std::get<1>(scores.sort(/*stable=*/true, /*dim=*/0, /*descending=*/true));
  const int64_t* index = order.data_ptr<int64_t>();
  const auto contiguous = boxes.contiguous();
  const float* box = contiguous.data_ptr<float>();
  SortedBoxes sorted(count);
  for (int64_t i = 0; i < count; ++i) {
    const float* source = box + 4 * index[i];
    sorted.x1[i] = source[0];
    sorted.y1[i] = source[1];
    sorted.x2[i] = source[2];
    sorted.y2[i] = source[3];
    sorted.area[i] = (source[2] - source[0]) * (source[3] - source[1]);
  }
  // The largest float that is not above the threshold: torchvision compares with the double.
  float limit = static_cast<float>(threshold);
  if (limit > threshold) limit = std::nextafter(limit, 0.0f);
  std::vector<uint8_t> suppressed(count, 0);
  std::vector<int64_t> kept;
  for (int64_t i = 0; i < count; ++i) {
    if (suppressed[i]) continue;
    kept.push_back(index[i]);
    Suppress(sorted, i, limit, suppressed.data());
  }
  return torch::tensor(kept, torch::kInt64);
}

}  // namespace

torch::Tensor Nms(const torch::Tensor& boxes, const torch::Tensor& scores, double threshold) {
  if (boxes.is_cpu() && boxes.scalar_type() == torch::kFloat32) return NmsCpu(boxes, scores, threshold);
  return NmsReference(boxes, scores, threshold);
}

torch::Tensor NmsReference(const torch::Tensor& boxes, const torch::Tensor& scores, double threshold) {
  const auto order = std::get<1>(scores.sort(/*stable=*/true, /*dim=*/0, /*descending=*/true));
  const auto sorted = boxes.index_select(0, order);
  const auto suppresses = BoxIou(sorted, sorted).gt(threshold).triu(/*diagonal=*/1);  // [better, worse]
  // A box is suppressed by a better one that is kept. At first all are kept. Each pass decides the boxes
  // whose better boxes are decided, so the passes end with the same result as going through the boxes one by
  // one, in far fewer steps.
  auto kept = torch::ones_like(order, torch::kBool);
  while (true) {
    const auto next = suppresses.logical_and(kept.unsqueeze(1)).any(0).logical_not();
    if (torch::equal(next, kept)) return order.index_select(0, kept.nonzero().squeeze(1));
    kept = next;
  }
}

torch::Tensor GroupedNms(const torch::Tensor& boxes, const torch::Tensor& scores, const torch::Tensor& groups,
                         double threshold) {
  if (boxes.size(0) == 0) return torch::empty({0}, groups.options());
  if (boxes.size(0) <= kMaxMovedBoxes) {
    const auto offsets = groups.to(boxes.scalar_type()) * (boxes.max() + 1);
    return Nms(boxes + offsets.unsqueeze(1), scores, threshold);
  }
  std::vector<torch::Tensor> kept;
  const int64_t group_count = groups.max().item<int64_t>() + 1;
  for (int64_t group = 0; group < group_count; ++group) {
    const auto members = groups.eq(group).nonzero().squeeze(1);
    if (members.size(0) == 0) continue;
    kept.push_back(members.index_select(
        0, Nms(boxes.index_select(0, members), scores.index_select(0, members), threshold)));
  }
  const auto all = std::get<0>(torch::cat(kept).sort());
  const auto by_score =
      std::get<1>(scores.index_select(0, all).sort(/*stable=*/true, 0, /*descending=*/true));
  return all.index_select(0, by_score);
}

}  // namespace loupe::detection
