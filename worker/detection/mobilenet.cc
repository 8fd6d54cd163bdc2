#include "worker/detection/mobilenet.h"

#include <torch/nn/init.h>
#include <torch/nn/modules/container/modulelist.h>

#include <algorithm>
#include <string>

namespace loupe::detection {
namespace {

constexpr int64_t kFirstChannels = 16;
constexpr int64_t kLastChannels = 960;

constexpr auto kRelu = Activation::kRelu;
constexpr auto kHardSwish = Activation::kHardSwish;

constexpr InvertedResidualConfig kBlocks[] = {
    {16, 3, 16, 16, false, kRelu, 1},        {16, 3, 64, 24, false, kRelu, 2},
    {24, 3, 72, 24, false, kRelu, 1},        {24, 5, 72, 40, true, kRelu, 2},
    {40, 5, 120, 40, true, kRelu, 1},        {40, 5, 120, 40, true, kRelu, 1},
    {40, 3, 240, 80, false, kHardSwish, 2},  {80, 3, 200, 80, false, kHardSwish, 1},
    {80, 3, 184, 80, false, kHardSwish, 1},  {80, 3, 184, 80, false, kHardSwish, 1},
    {80, 3, 480, 112, true, kHardSwish, 1},  {112, 3, 672, 112, true, kHardSwish, 1},
    {112, 5, 672, 160, true, kHardSwish, 2}, {160, 5, 960, 160, true, kHardSwish, 1},
    {160, 5, 960, 160, true, kHardSwish, 1},
};
constexpr int kBlockCount = std::size(kBlocks);

// Places in torchvision's sequence of the stem (0), the blocks (1..15) and the last convolution (16) where a
// layer, as FreezeBelow counts them, begins: the stem, each block with a stride, the last convolution.
constexpr int kPlaceCount = kBlockCount + 2;
constexpr int kLayerStarts[] = {0, 2, 4, 7, 13, 16};
constexpr int kTrainableLayers = std::size(kLayerStarts);
// The block whose map is returned beside that of the last convolution.
constexpr int kReturnedBlock = 13;

// Channels of the squeezed layer: a quarter, rounded to a multiple of 8 and by no more than a tenth down.
int64_t Squeezed(int64_t expanded) {
  const int64_t wanted = expanded / 4;
  const int64_t rounded = std::max<int64_t>(8, (wanted + 4) / 8 * 8);
  return rounded * 10 < wanted * 9 ? rounded + 8 : rounded;
}

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

InvertedResidual::InvertedResidual(const InvertedResidualConfig& config)
    : config_(config),
      depthwise_(MakeConvNorm(config.expanded, config.expanded, config.kernel_size, config.stride,
                              /*groups=*/config.expanded)),
      project_(MakeConvNorm(config.expanded, config.out_channels, 1, 1)) {
  torch::nn::ModuleList block;
  if (config.expanded != config.in_channels) {
    expand_ = MakeConvNorm(config.in_channels, config.expanded, 1, 1);
    block->push_back(Pair(*expand_));
  }
  block->push_back(Pair(depthwise_));
  if (config.squeeze) {
    squeeze_ = std::make_shared<SqueezeExcitation>(config.expanded, Squeezed(config.expanded));
    block->push_back(squeeze_);
  }
  block->push_back(Pair(project_));
  register_module("block", block);
}

torch::Tensor InvertedResidual::Forward(const torch::Tensor& x) const {
  torch::Tensor y = expand_ ? expand_->Forward(x, config_.activation) : x;
  y = depthwise_.Forward(y, config_.activation);
  if (squeeze_) y = squeeze_->Forward(y);
  const bool around = config_.stride == 1 && config_.in_channels == config_.out_channels;
  return project_.Forward(y, Activation::kNone, around ? x : torch::Tensor());
}

void InvertedResidual::StopTraining() {
  if (expand_) expand_->StopTraining();
  depthwise_.StopTraining();
  if (squeeze_) squeeze_->StopTraining();
  project_.StopTraining();
}

MobilenetV3Large::MobilenetV3Large()
    : stem_(MakeConvNorm(3, kFirstChannels, 3, 2)),
      last_(MakeConvNorm(kBlocks[kBlockCount - 1].out_channels, kLastChannels, 1, 1)) {
  register_module("0", Pair(stem_).ptr());
  for (int index = 0; index < kBlockCount; ++index) {
    blocks_.push_back(
        register_module(std::to_string(index + 1), std::make_shared<InvertedResidual>(kBlocks[index])));
  }
  register_module(std::to_string(kBlockCount + 1), Pair(last_).ptr());
  channels_ = {kBlocks[kReturnedBlock - 1].out_channels, kLastChannels};
  strides_ = {32, 32};
}

std::vector<torch::Tensor> MobilenetV3Large::Run(std::vector<torch::Tensor> maps, int begin, int end) const {
  torch::Tensor x = maps.back();
  maps.pop_back();
  for (int place = begin; place < end; ++place) {
    if (place == 0) {
      x = stem_.Forward(x, kHardSwish);
    } else if (place <= kBlockCount) {
      x = blocks_[place - 1]->Forward(x);
    } else {
      x = last_.Forward(x, kHardSwish);
    }
    // A copy, because the block behind it adds to what it is given.
    if (place == kReturnedBlock) maps.push_back(x.clone());
  }
  maps.push_back(x);
  return maps;
}

int MobilenetV3Large::FrozenPlaces() const {
  if (!stem_.IsFrozen()) return 0;
  const auto first_trained =
      std::find_if_not(blocks_.begin(), blocks_.end(), [](const auto& block) { return IsFrozen(*block); });
  if (first_trained != blocks_.end()) return static_cast<int>(first_trained - blocks_.begin()) + 1;
  return last_.IsFrozen() ? kPlaceCount : kPlaceCount - 1;
}

std::vector<torch::Tensor> MobilenetV3Large::ForwardFrozen(const torch::Tensor& images) {
  return Run({images}, 0, FrozenPlaces());
}

std::vector<torch::Tensor> MobilenetV3Large::ForwardTrained(const std::vector<torch::Tensor>& frozen) {
  return Run(frozen, FrozenPlaces(), kPlaceCount);
}

void MobilenetV3Large::FreezeBelow(int trainable_layers) {
  const int trained = std::clamp(trainable_layers, 0, kTrainableLayers);
  const int first_trained = trained == 0 ? kBlockCount + 2 : kLayerStarts[kTrainableLayers - trained];
  if (first_trained > 0) stem_.StopTraining();
  for (int index = 1; index <= kBlockCount && index < first_trained; ++index) {
    blocks_[index - 1]->StopTraining();
  }
  if (first_trained > kBlockCount + 1) last_.StopTraining();
}

}  // namespace loupe::detection
