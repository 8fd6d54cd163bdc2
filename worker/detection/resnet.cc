#include "worker/detection/resnet.h"

#include <torch/nn/modules/container/modulelist.h>

#include <algorithm>
#include <string>

namespace loupe::detection {
namespace {

// A whole ResNet has the stages layer1 to layer4; FreezeBelow counts them and the stem.
constexpr int kStageCount = 4;
constexpr int kLayerCount = kStageCount + 1;

}  // namespace

ResidualBlock::ResidualBlock(const v1::Backbone& config, const Channels& channels, int64_t stride) {
  const auto [in, inside, out] = channels;
  if (config.block() == v1::Backbone::BASIC) {
    convs_ = {MakeConvNorm(in, inside, 3, stride), MakeConvNorm(inside, out, 3, 1)};
  } else {
    const bool early = config.stride_in_1x1();
    convs_ = {MakeConvNorm(in, inside, 1, early ? stride : 1),
              MakeConvNorm(inside, inside, 3, early ? 1 : stride), MakeConvNorm(inside, out, 1, 1)};
  }
  for (size_t i = 0; i < convs_.size(); ++i) {
    register_module("conv" + std::to_string(i + 1), convs_[i].conv());
    register_module("bn" + std::to_string(i + 1), convs_[i].norm());
  }
  if (in != out) {  // where a stage has its stride, too
    downsample_ = MakeConvNorm(in, out, 1, stride);
    torch::nn::ModuleList parts;
    parts->push_back(downsample_->conv());
    parts->push_back(downsample_->norm());
    register_module("downsample", parts);
  }
}

torch::Tensor ResidualBlock::Forward(const torch::Tensor& x) const {
  torch::Tensor y = x;
  for (size_t i = 0; i + 1 < convs_.size(); ++i) y = convs_[i].Forward(y, Activation::kRelu);
  const auto around = downsample_ ? downsample_->Forward(x, Activation::kNone) : x;
  return convs_.back().Forward(y, Activation::kRelu, around);
}

void ResidualBlock::StopTraining() {
  for (auto& conv : convs_) conv.StopTraining();
  if (downsample_) downsample_->StopTraining();
}

Resnet::Resnet(const v1::Backbone& config) : stem_(MakeConvNorm(3, config.stem_channels(), 7, 2)) {
  register_module("conv1", stem_.conv());
  register_module("bn1", stem_.norm());
  int64_t in_channels = config.stem_channels();
  for (int stage = 0; stage < config.stage_depths_size(); ++stage) {
    const int64_t width = int64_t{config.width()} << stage;
    const int64_t out_channels = int64_t{config.out_channels()} << stage;
    torch::nn::ModuleList blocks;
    stages_.emplace_back();
    for (uint32_t index = 0; index < config.stage_depths(stage); ++index) {
      const int64_t stride = index == 0 && stage > 0 ? 2 : 1;
      const ResidualBlock::Channels channels = {in_channels, width, out_channels};
      stages_.back().push_back(std::make_shared<ResidualBlock>(config, channels, stride));
      blocks->push_back(stages_.back().back());
      in_channels = out_channels;
    }
    register_module("layer" + std::to_string(stage + 1), blocks);
    channels_.push_back(in_channels);
    strides_.push_back(int64_t{4} << stage);
  }
}

torch::Tensor Resnet::ForwardStem(const torch::Tensor& images) const {
  return torch::max_pool2d(stem_.Forward(images, Activation::kRelu), /*kernel_size=*/3, /*stride=*/2,
                           /*padding=*/1);
}

size_t Resnet::FrozenStages() const {
  if (!stem_.IsFrozen()) return 0;
  const auto is_frozen = [](const auto& block) { return IsFrozen(*block); };
  const auto first_trained = std::find_if_not(stages_.begin(), stages_.end(), [&](const auto& stage) {
    return std::all_of(stage.begin(), stage.end(), is_frozen);
  });
  return static_cast<size_t>(first_trained - stages_.begin());
}

// Returns the images when nothing is frozen, the stem's output when only the stem is, else the maps of the
// frozen stages.
std::vector<torch::Tensor> Resnet::ForwardFrozen(const torch::Tensor& images) {
  if (!stem_.IsFrozen()) return {images};
  auto x = ForwardStem(images);
  const size_t frozen_stages = FrozenStages();
  if (frozen_stages == 0) return {x};
  std::vector<torch::Tensor> features;
  for (size_t stage = 0; stage < frozen_stages; ++stage) {
    for (const auto& block : stages_[stage]) x = block->Forward(x);
    features.push_back(x);
  }
  return features;
}

std::vector<torch::Tensor> Resnet::ForwardTrained(const std::vector<torch::Tensor>& frozen) {
  const size_t frozen_stages = FrozenStages();
  std::vector<torch::Tensor> features;
  if (frozen_stages > 0) features = frozen;
  auto x = stem_.IsFrozen() ? frozen.back() : ForwardStem(frozen.back());
  for (size_t stage = frozen_stages; stage < stages_.size(); ++stage) {
    for (const auto& block : stages_[stage]) x = block->Forward(x);
    features.push_back(x);
  }
  return features;
}

void Resnet::FreezeBelow(int trainable_layers) {
  // Stages from `first_trained` on are trained. The stem counts as one layer below layer1.
  const int first_trained = kStageCount - trainable_layers;
  for (int stage = 0; stage < static_cast<int>(stages_.size()); ++stage) {
    if (stage >= first_trained) continue;
    for (auto& block : stages_[stage]) block->StopTraining();
  }
  if (trainable_layers < kLayerCount) stem_.StopTraining();
}

}  // namespace loupe::detection
