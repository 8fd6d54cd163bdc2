// ResNet without its classifier. Source: He et al. 2016; torchvision's variant has the stride in the 3x3
// convolution.

#ifndef LOUPE_WORKER_DETECTION_RESNET_H_
#define LOUPE_WORKER_DETECTION_RESNET_H_

#include <torch/nn/module.h>

#include <memory>
#include <optional>
#include <vector>

#include "loupe/v1/detector.pb.h"
#include "worker/detection/backbone.h"
#include "worker/detection/conv_norm.h"

namespace loupe::detection {

// Two or three convolutions and the shortcut around them.
class ResidualBlock : public torch::nn::Module {
 public:
  // The numbers of channels of the input, inside, and of the output.
  struct Channels {
    int64_t in = 0;
    int64_t inside = 0;
    int64_t out = 0;
  };
  // Reads block and stride_in_1x1.
  ResidualBlock(const v1::Backbone& config, const Channels& channels, int64_t stride);

  torch::Tensor Forward(const torch::Tensor& x) const;
  void StopTraining();

 private:
  std::vector<ConvNorm> convs_;
  std::optional<ConvNorm> downsample_;  // where the shape changes
};

// Returns the maps of layer1 to the last stage of the configuration, at strides 4, 8, …
class Resnet : public Backbone {
 public:
  explicit Resnet(const v1::Backbone& config);

  std::vector<torch::Tensor> ForwardFrozen(const torch::Tensor& images) override;
  std::vector<torch::Tensor> ForwardTrained(const std::vector<torch::Tensor>& frozen) override;
  bool HasFrozenLayers() const override { return stem_.IsFrozen(); }
  void FreezeBelow(int trainable_layers) override;

 private:
  torch::Tensor ForwardStem(const torch::Tensor& images) const;
  // Number of frozen stages from layer1 on; 0 when the stem is trained.
  size_t FrozenStages() const;

  ConvNorm stem_;
  std::vector<std::vector<std::shared_ptr<ResidualBlock>>> stages_;
};

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_RESNET_H_
