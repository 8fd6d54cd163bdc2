#include "worker/detection/fpn.h"

#include <torch/nn/init.h>
#include <torch/nn/modules/container/modulelist.h>

#include "worker/detection/mobilenet.h"
#include "worker/detection/resnet.h"

namespace loupe::detection {
namespace {

ConvNorm PyramidConv(int64_t in_channels, int64_t out_channels, int64_t kernel_size) {
  ConvNorm conv = MakeConv(in_channels, out_channels, kernel_size);
  torch::nn::init::kaiming_uniform_(conv.conv()->weight, /*a=*/1);
  torch::nn::init::zeros_(conv.conv()->bias);
  return conv;
}

std::shared_ptr<Backbone> MakeBackbone(const v1::Backbone& config) {
  if (config.kind() == v1::Backbone::MOBILENET_V3) return std::make_shared<MobilenetV3>(config);
  return std::make_shared<Resnet>(config);
}

}  // namespace

FeaturePyramid::FeaturePyramid(const v1::Detector& config, const std::vector<int64_t>& in_channels)
    : average_(config.fpn_average()) {
  const int64_t out_channels = config.fpn_channels();
  torch::nn::ModuleList inner_blocks, layer_blocks;
  for (const int64_t channels : in_channels) {
    inner_.push_back(PyramidConv(channels, out_channels, 1));
    layer_.push_back(PyramidConv(out_channels, out_channels, 3));
    inner_blocks->push_back(torch::nn::ModuleList(inner_.back().conv()));
    layer_blocks->push_back(torch::nn::ModuleList(layer_.back().conv()));
  }
  register_module("inner_blocks", inner_blocks);
  register_module("layer_blocks", layer_blocks);
}

std::vector<torch::Tensor> FeaturePyramid::Forward(const std::vector<torch::Tensor>& maps) const {
  std::vector<torch::Tensor> levels(maps.size() + 1);
  torch::Tensor sum;
  for (size_t i = maps.size(); i-- > 0;) {
    torch::Tensor coarser;
    if (sum.defined()) {
      // In float32: LibTorch 1.13 has this in bfloat16 for CPUs only.
      coarser = torch::upsample_nearest2d(sum.to(torch::kFloat32), maps[i].sizes().slice(2));
      coarser = coarser.to(sum.scalar_type());
    }
    sum = inner_[i].Forward(maps[i], Activation::kNone, coarser);
    if (average_ && coarser.defined()) sum = sum / 2;
    levels[i] = layer_[i].Forward(sum, Activation::kNone);
  }
  levels.back() = torch::max_pool2d(levels[maps.size() - 1], /*kernel_size=*/1, /*stride=*/2);
  return levels;
}

BackboneWithFpn::BackboneWithFpn(const v1::Detector& config)
    : body_(MakeBackbone(config.backbone())),
      fpn_(std::make_shared<FeaturePyramid>(config, body_->channels())) {
  register_module("body", body_);
  register_module("fpn", fpn_);
}

std::vector<torch::Tensor> BackboneWithFpn::Forward(const Batch& batch) {
  return fpn_->Forward(batch.frozen.empty() ? body_->Forward(batch.images)
                                            : body_->ForwardTrained(batch.frozen));
}

}  // namespace loupe::detection
