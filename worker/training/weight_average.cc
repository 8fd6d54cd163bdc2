#include "worker/training/weight_average.h"

#include <torch/types.h>

#include <algorithm>
#include <vector>

#include "worker/detection/faster_rcnn.h"

namespace loupe {
namespace {

// Two detectors of one configuration list their tensors in the same order.
std::vector<torch::Tensor> Tensors(const detection::FasterRcnn& model) {
  std::vector<torch::Tensor> tensors = model.parameters();
  const std::vector<torch::Tensor> buffers = model.buffers();
  tensors.insert(tensors.end(), buffers.begin(), buffers.end());
  return tensors;
}

}  // namespace

WeightAverage::WeightAverage(double decay, const detection::FasterRcnn& model)
    : decay_(decay), model_(std::make_shared<detection::FasterRcnn>(model.config(), model.num_classes())) {
  torch::NoGradGuard no_grad;
  model_->eval();
  model_->to(model.device());
  model_->set_precision(model.precision());
  const std::vector<torch::Tensor> from = Tensors(model);
  const std::vector<torch::Tensor> to = Tensors(*model_);
  for (size_t i = 0; i < from.size(); ++i) to[i].copy_(from[i]);
}

void WeightAverage::Update(const detection::FasterRcnn& model, int64_t step) {
  torch::NoGradGuard no_grad;
  const auto steps = static_cast<double>(step);
  const double share = 1 - std::min(decay_, (1 + steps) / (10 + steps));
  const std::vector<torch::Tensor> from = Tensors(model);
  const std::vector<torch::Tensor> to = Tensors(*model_);
  for (size_t i = 0; i < from.size(); ++i) to[i].lerp_(from[i], share);
}

}  // namespace loupe
