#include "worker/detection/mobilenet.h"

#include <torch/nn/init.h>
#include <torch/nn/modules/container/modulelist.h>

#include <algorithm>
#include <string>

namespace loupe::detection {
namespace {

constexpr auto kHardSwish = Activation::kHardSwish;

torch::nn::ModuleList Pair(const ConvNorm& conv) {
  torch::nn::ModuleList pair;
  pair->push_back(conv.conv());
  pair->push_back(conv.norm());
  return pair;
}

torch::nn::Conv2d Pointwise(int64_t in_channels, int64_t out_channels) {
  torch::nn::Conv2d conv(torch::nn::Conv2dOptions(in_channels, out_channels, 1));
  torch::nn::init::kaiming_normal_(conv->weight, 0, torch::kFanOut);
  torch::nn::init::zeros_(conv->bias);
  return conv;
}

}  // namespace

SqueezeExcitation::SqueezeExcitation(int64_t channels, int64_t squeezed)
    : fc1_(register_module("fc1", Pointwise(channels, squeezed))),
      fc2_(register_module("fc2", Pointwise(squeezed, channels))) {}

torch::Tensor SqueezeExcitation::Forward(const torch::Tensor& x) const {
  // On one pixel the 1x1 convolutions are matrix products.
  const auto means = x.mean({2, 3}, /*keepdim=*/false, torch::kFloat32);
  const auto hidden = torch::linear(means, fc1_->weight.flatten(1), fc1_->bias).relu_();
  const auto scale = torch::hardsigmoid(torch::linear(hidden, fc2_->weight.flatten(1), fc2_->bias));
  return x * scale.to(x.scalar_type()).unsqueeze(2).unsqueeze(3);
}

void SqueezeExcitation::StopTraining() {
  for (auto& parameter : parameters()) parameter.set_requires_grad(false);
}

InvertedResidual::InvertedResidual(const v1::InvertedResidual& config)
    : activation_(config.activation() == v1::InvertedResidual::RELU ? Activation::kRelu : kHardSwish),
      adds_input_(config.stride() == 1 && config.in_channels() == config.out_channels()),
      depthwise_(MakeConvNorm(config.expanded_channels(), config.expanded_channels(), config.kernel_size(),
                              config.stride(), /*groups=*/config.expanded_channels())),
      project_(MakeConvNorm(config.expanded_channels(), config.out_channels(), 1, 1)) {
  torch::nn::ModuleList block;
  if (config.expanded_channels() != config.in_channels()) {
    expand_ = MakeConvNorm(config.in_channels(), config.expanded_channels(), 1, 1);
    block->push_back(Pair(*expand_));
  }
  block->push_back(Pair(depthwise_));
  if (config.squeezed_channels() > 0) {
    squeeze_ = std::make_shared<SqueezeExcitation>(config.expanded_channels(), config.squeezed_channels());
    block->push_back(squeeze_);
  }
  block->push_back(Pair(project_));
  register_module("block", block);
}

torch::Tensor InvertedResidual::Forward(const torch::Tensor& x) const {
  torch::Tensor y = expand_ ? expand_->Forward(x, activation_) : x;
  y = depthwise_.Forward(y, activation_);
  if (squeeze_) y = squeeze_->Forward(y);
  return project_.Forward(y, Activation::kNone, adds_input_ ? x : torch::Tensor());
}

void InvertedResidual::StopTraining() {
  if (expand_) expand_->StopTraining();
  depthwise_.StopTraining();
  if (squeeze_) squeeze_->StopTraining();
  project_.StopTraining();
}

MobilenetV3::MobilenetV3(const v1::Backbone& config)
    : stem_(MakeConvNorm(3, config.stem_channels(), 3, 2)),
      last_(MakeConvNorm(config.inverted_residuals().rbegin()->out_channels(), config.last_channels(), 1, 1)),
      pyramid_block_(static_cast<int>(config.pyramid_block())) {
  register_module("0", Pair(stem_).ptr());
  // torchvision's layers begin at the stem, at each block with a stride, and at the last convolution.
  layer_starts_ = {0};
  int64_t stride = 2;
  for (const v1::InvertedResidual& block : config.inverted_residuals()) {
    const int place = static_cast<int>(blocks_.size()) + 1;
    blocks_.push_back(register_module(std::to_string(place), std::make_shared<InvertedResidual>(block)));
    if (block.stride() > 1) layer_starts_.push_back(place);
    stride *= block.stride();
    if (place != pyramid_block_) continue;
    channels_.push_back(block.out_channels());
    strides_.push_back(stride);
  }
  layer_starts_.push_back(PlaceCount() - 1);
  register_module(std::to_string(PlaceCount() - 1), Pair(last_).ptr());
  channels_.push_back(config.last_channels());
  strides_.push_back(stride);
}

std::vector<torch::Tensor> MobilenetV3::Run(std::vector<torch::Tensor> maps, int begin, int end) const {
  torch::Tensor x = maps.back();
  maps.pop_back();
  for (int place = begin; place < end; ++place) {
    if (place == 0) {
      x = stem_.Forward(x, kHardSwish);
    } else if (place + 1 < PlaceCount()) {
      x = blocks_[place - 1]->Forward(x);
    } else {
      x = last_.Forward(x, kHardSwish);
    }
    // A copy, because the next block adds to its input in place.
    if (place == pyramid_block_) maps.push_back(x.clone());
  }
  maps.push_back(x);
  return maps;
}

int MobilenetV3::FrozenPlaces() const {
  if (!stem_.IsFrozen()) return 0;
  const auto first_trained =
      std::find_if_not(blocks_.begin(), blocks_.end(), [](const auto& block) { return IsFrozen(*block); });
  if (first_trained != blocks_.end()) return static_cast<int>(first_trained - blocks_.begin()) + 1;
  return last_.IsFrozen() ? PlaceCount() : PlaceCount() - 1;
}

std::vector<torch::Tensor> MobilenetV3::ForwardFrozen(const torch::Tensor& images) {
  return Run({images}, 0, FrozenPlaces());
}

std::vector<torch::Tensor> MobilenetV3::ForwardTrained(const std::vector<torch::Tensor>& frozen) {
  return Run(frozen, FrozenPlaces(), PlaceCount());
}

void MobilenetV3::FreezeBelow(int trainable_layers) {
  const int layer_count = static_cast<int>(layer_starts_.size());
  const int trained = std::clamp(trainable_layers, 0, layer_count);
  const int first_trained = trained == 0 ? PlaceCount() : layer_starts_[layer_count - trained];
  if (first_trained > 0) stem_.StopTraining();
  for (int place = 1; place + 1 < PlaceCount() && place < first_trained; ++place) {
    blocks_[place - 1]->StopTraining();
  }
  if (first_trained == PlaceCount()) last_.StopTraining();
}

}  // namespace loupe::detection
