// MobileNetV3 large without its classifier. Source: Howard et al. 2019; torchvision's variant, with the batch
// norm of its detectors (epsilon 1e-5).

#ifndef LOUPE_WORKER_DETECTION_MOBILENET_H_
#define LOUPE_WORKER_DETECTION_MOBILENET_H_

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>

#include <memory>
#include <optional>
#include <vector>

#include "worker/detection/backbone.h"
#include "worker/detection/conv_norm.h"

namespace loupe::detection {

// Channels weighted by what their means say of the picture (Hu et al. 2018).
class SqueezeExcitation : public torch::nn::Module {
 public:
  SqueezeExcitation(int64_t channels, int64_t squeezed);

  // Shapes: x [N, channels, H, W], as the result.
  torch::Tensor Forward(const torch::Tensor& x) const;
  void StopTraining();

 private:
  torch::nn::Conv2d fc1_, fc2_;
};

// One row of the paper's table 1.
struct InvertedResidualConfig {
  int64_t in_channels, kernel_size, expanded, out_channels;
  bool squeeze;
  Activation activation;
  int64_t stride;
};

// A 1x1 convolution that widens (where it does), a depthwise one, and a 1x1 convolution that narrows.
class InvertedResidual : public torch::nn::Module {
 public:
  explicit InvertedResidual(const InvertedResidualConfig& config);

  torch::Tensor Forward(const torch::Tensor& x) const;
  void StopTraining();

 private:
  InvertedResidualConfig config_;
  std::optional<ConvNorm> expand_;
  ConvNorm depthwise_;
  std::shared_ptr<SqueezeExcitation> squeeze_;  // null where there is none
  ConvNorm project_;
};

// Returns the first block at stride 32 and the last convolution, both at stride 32, as torchvision's detector
// with this backbone uses it.
class MobilenetV3Large : public Backbone {
 public:
  MobilenetV3Large();

  std::vector<torch::Tensor> ForwardFrozen(const torch::Tensor& images) override;
  std::vector<torch::Tensor> ForwardTrained(const std::vector<torch::Tensor>& frozen) override;
  bool HasFrozenLayers() const override { return stem_.IsFrozen(); }
  void FreezeBelow(int trainable_layers) override;

 private:
  // Places in the sequence of stem, blocks and last convolution: how many are frozen from the first on, and
  // what those from `begin` to `end` make of the last of `maps`; maps before it are kept.
  int FrozenPlaces() const;
  std::vector<torch::Tensor> Run(std::vector<torch::Tensor> maps, int begin, int end) const;

  ConvNorm stem_;
  std::vector<std::shared_ptr<InvertedResidual>> blocks_;
  ConvNorm last_;
};

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_MOBILENET_H_
