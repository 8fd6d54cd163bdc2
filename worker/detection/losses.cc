#include "worker/detection/losses.h"

#include <torch/types.h>

#include <numbers>

#include "worker/detection/boxes.h"

namespace loupe::detection {
namespace {

constexpr double kEpsilon = 1e-7;

struct Sides {
  torch::Tensor width, height;  // [M]
};

Sides SidesOf(const torch::Tensor& boxes) {
  return {boxes.select(1, 2) - boxes.select(1, 0), boxes.select(1, 3) - boxes.select(1, 1)};
}

// The smallest boxes around each pair.
torch::Tensor Around(const torch::Tensor& first, const torch::Tensor& second) {
  return torch::cat({torch::minimum(first.slice(1, 0, 2), second.slice(1, 0, 2)),
                     torch::maximum(first.slice(1, 2), second.slice(1, 2))},
                    1);
}

torch::Tensor GiouLoss(const torch::Tensor& boxes, const torch::Tensor& truth) {
  const auto both = Intersections(boxes, truth);
  const auto either = BoxAreas(boxes) + BoxAreas(truth) - both;
  const auto around = BoxAreas(Around(boxes, truth));
  return 1 - both / (either + kEpsilon) + (around - either) / (around + kEpsilon);
}

torch::Tensor PairIou(const torch::Tensor& boxes, const torch::Tensor& truth) {
  const auto both = Intersections(boxes, truth);
  return both / (BoxAreas(boxes) + BoxAreas(truth) - both + kEpsilon);
}

torch::Tensor DiouLoss(const torch::Tensor& boxes, const torch::Tensor& truth, const torch::Tensor& iou) {
  const Sides around = SidesOf(Around(boxes, truth));
  const auto diagonal = around.width.square() + around.height.square() + kEpsilon;
  const auto centres =
      (boxes.slice(1, 0, 2) + boxes.slice(1, 2) - truth.slice(1, 0, 2) - truth.slice(1, 2)) / 2;
  return 1 - iou + centres.square().sum(1) / diagonal;
}

torch::Tensor CiouLoss(const torch::Tensor& boxes, const torch::Tensor& truth, const torch::Tensor& iou) {
  const Sides ours = SidesOf(boxes), theirs = SidesOf(truth);
  const auto turned = torch::atan(theirs.width / theirs.height) - torch::atan(ours.width / ours.height);
  const auto difference = 4 / (std::numbers::pi * std::numbers::pi) * turned.square();
  torch::Tensor share;
  {
    torch::NoGradGuard no_grad;
    share = difference / (1 - iou + difference + kEpsilon);
  }
  return DiouLoss(boxes, truth, iou) + share * difference;
}

}  // namespace

torch::Tensor SumBoxLoss(const BoxLoss& loss, const BoxCoder& coder, const torch::Tensor& deltas,
                         const torch::Tensor& anchors, const torch::Tensor& truth) {
  if (loss.kind == v1::Detector::SMOOTH_L1) {
    return torch::smooth_l1_loss(deltas, coder.Encode(truth, anchors), at::Reduction::Sum, loss.beta);
  }
  const auto boxes = coder.Decode(deltas, anchors).squeeze(1);
  if (loss.kind == v1::Detector::GIOU) return GiouLoss(boxes, truth).sum();
  const auto iou = PairIou(boxes, truth);
  return (loss.kind == v1::Detector::DIOU ? DiouLoss(boxes, truth, iou) : CiouLoss(boxes, truth, iou)).sum();
}

}  // namespace loupe::detection
