#include "worker/detection/box_coder.h"

#include <torch/types.h>

#include <cmath>

namespace loupe::detection {
namespace {

// A side that grows by more is an error of the network and would overflow exp.
const double kMaxLogScale = std::log(1000.0 / 16);

struct CentreForm {
  torch::Tensor x, y, width, height;  // [N] each
};

CentreForm ToCentreForm(const torch::Tensor& boxes) {
  CentreForm form;
  form.width = boxes.select(1, 2) - boxes.select(1, 0);
  form.height = boxes.select(1, 3) - boxes.select(1, 1);
  form.x = boxes.select(1, 0) + 0.5 * form.width;
  form.y = boxes.select(1, 1) + 0.5 * form.height;
  return form;
}

}  // namespace

torch::Tensor BoxCoder::Encode(const torch::Tensor& boxes, const torch::Tensor& anchors) const {
  const CentreForm to = ToCentreForm(boxes);
  const CentreForm from = ToCentreForm(anchors);
  return torch::stack(
      {weights_[0] * (to.x - from.x) / from.width, weights_[1] * (to.y - from.y) / from.height,
       weights_[2] * torch::log(to.width / from.width), weights_[3] * torch::log(to.height / from.height)},
      1);
}

torch::Tensor BoxCoder::Decode(const torch::Tensor& deltas, const torch::Tensor& anchors) const {
  const CentreForm from = ToCentreForm(anchors);
  const auto parts = deltas.view({deltas.size(0), deltas.size(1) / 4, 4});
  const auto delta = [&](int64_t part) { return parts.select(2, part) / weights_[part]; };
  const auto x = delta(0) * from.width.unsqueeze(1) + from.x.unsqueeze(1);
  const auto y = delta(1) * from.height.unsqueeze(1) + from.y.unsqueeze(1);
  const auto half_width = 0.5 * (delta(2).clamp_max(kMaxLogScale).exp() * from.width.unsqueeze(1));
  const auto half_height = 0.5 * (delta(3).clamp_max(kMaxLogScale).exp() * from.height.unsqueeze(1));
  return torch::stack({x - half_width, y - half_height, x + half_width, y + half_height}, 2);
}

}  // namespace loupe::detection
