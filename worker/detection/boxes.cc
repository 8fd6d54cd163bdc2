#include "worker/detection/boxes.h"

#include <torch/types.h>

namespace loupe::detection {
namespace {

using torch::indexing::None;
using torch::indexing::Slice;

}  // namespace

torch::Tensor BoxAreas(const torch::Tensor& boxes) {
  return (boxes.select(1, 2) - boxes.select(1, 0)) * (boxes.select(1, 3) - boxes.select(1, 1));
}

torch::Tensor Intersections(const torch::Tensor& first, const torch::Tensor& second) {
  const auto low = torch::maximum(first.slice(-1, 0, 2), second.slice(-1, 0, 2));
  const auto high = torch::minimum(first.slice(-1, 2, 4), second.slice(-1, 2, 4));
  const auto sides = (high - low).clamp_min(0);
  return sides.select(-1, 0) * sides.select(-1, 1);
}

torch::Tensor BoxIou(const torch::Tensor& first, const torch::Tensor& second) {
  const auto intersections = Intersections(first.unsqueeze(1), second);
  return intersections / (BoxAreas(first).unsqueeze(1) + BoxAreas(second) - intersections);
}

torch::Tensor LargestCoverage(const torch::Tensor& boxes, const torch::Tensor& regions) {
  if (regions.size(0) == 0) return boxes.new_zeros({boxes.size(0)});
  const auto shares = Intersections(boxes.unsqueeze(1), regions) / BoxAreas(boxes).unsqueeze(1);
  return std::get<0>(shares.max(1));
}

torch::Tensor ClipBoxes(const torch::Tensor& boxes, ImageSize image) {
  const auto x = boxes.index({"...", Slice(0, None, 2)}).clamp(0, image.width);
  const auto y = boxes.index({"...", Slice(1, None, 2)}).clamp(0, image.height);
  return torch::stack({x, y}, -1).view(boxes.sizes());
}

torch::Tensor LargeEnough(const torch::Tensor& boxes, double min_side) {
  const auto widths = boxes.select(1, 2) - boxes.select(1, 0);
  const auto heights = boxes.select(1, 3) - boxes.select(1, 1);
  return (widths >= min_side).logical_and_(heights >= min_side);
}

torch::Tensor ScaleBoxes(const torch::Tensor& boxes, ImageSize from, ImageSize to) {
  const float x = static_cast<float>(to.width) / static_cast<float>(from.width);
  const float y = static_cast<float>(to.height) / static_cast<float>(from.height);
  return boxes * torch::tensor({x, y, x, y}, boxes.options());
}

}  // namespace loupe::detection
