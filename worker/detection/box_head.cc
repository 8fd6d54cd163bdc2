#include "worker/detection/box_head.h"

#include <torch/types.h>

namespace loupe::detection {
namespace {

bool Predicts(const torch::Tensor& x) { return !torch::GradMode::is_enabled() && OneDnnTakes(x); }

}  // namespace

torch::Tensor PreparedLinear::Forward(const torch::Tensor& x, const torch::nn::Linear& layer,
                                      Activation activation) {
  const WeightVersion version({layer->weight, layer->bias});
  if (!prepared_ || type_ != x.scalar_type() || version_ != version) {
    const bool grid = x.dim() == 4;
    const auto weight =
        grid ? layer->weight.view({-1, x.size(1), x.size(2), x.size(3)}).permute({0, 2, 3, 1}).flatten(1)
             : layer->weight;
    prepared_ = std::make_unique<OneDnnLinear>(weight, layer->bias, activation, x.scalar_type());
    type_ = x.scalar_type();
    version_ = version;
  }
  return prepared_->Forward(x.dim() == 4 ? x.permute({0, 2, 3, 1}).flatten(1) : x);
}

BoxHead::BoxHead(int64_t in_channels, int64_t pooled_size, int64_t width)
    : fc6_(register_module("fc6", torch::nn::Linear(in_channels * pooled_size * pooled_size, width))),
      fc7_(register_module("fc7", torch::nn::Linear(width, width))) {}

torch::Tensor BoxHead::Forward(const torch::Tensor& pooled) {
  if (Predicts(pooled)) {
    const auto hidden = prepared_fc6_.Forward(pooled, fc6_, Activation::kRelu);
    return prepared_fc7_.Forward(hidden, fc7_, Activation::kRelu).to(torch::kFloat32);
  }
  const auto type = pooled.scalar_type();
  torch::Tensor hidden;
  if (pooled.size(0) == 0) {  // convolutions refuse an empty batch
    hidden = torch::linear(pooled.flatten(1), fc6_->weight.to(type), fc6_->bias.to(type));
  } else {
    // As a convolution over the whole grid, fc6 reads channels-last features without reordering them.
    const auto kernel = fc6_->weight.view({-1, pooled.size(1), pooled.size(2), pooled.size(3)})
                            .to(type)
                            .contiguous(torch::MemoryFormat::ChannelsLast);
    hidden = torch::conv2d(pooled, kernel, fc6_->bias.to(type)).flatten(1);
  }
  return torch::linear(hidden.relu_(), fc7_->weight.to(type), fc7_->bias.to(type))
      .relu_()
      .to(torch::kFloat32);
}

BoxPredictor::BoxPredictor(const v1::Detector& config, int64_t num_classes)
    : cls_score_(register_module("cls_score", torch::nn::Linear(config.box_head_width(), num_classes + 1))),
      bbox_pred_(register_module(
          "bbox_pred", torch::nn::Linear(config.box_head_width(),
                                         config.class_agnostic_boxes() ? 4 : 4 * (num_classes + 1)))) {}

BoxPredictor::Output BoxPredictor::Forward(const torch::Tensor& features) {
  if (Predicts(features)) {
    return {prepared_cls_score_.Forward(features, cls_score_, Activation::kNone),
            prepared_bbox_pred_.Forward(features, bbox_pred_, Activation::kNone)};
  }
  return {cls_score_->forward(features), bbox_pred_->forward(features)};
}

}  // namespace loupe::detection
