// MobileNetV3 without its classifier. Source: Howard et al. 2019; torchvision's variant, with the batch norm
// of its detectors (epsilon 1e-5).

#ifndef LOUPE_WORKER_DETECTION_MOBILENET_H_
#define LOUPE_WORKER_DETECTION_MOBILENET_H_

#include <torch/nn/module.h>
#include <torch/nn/modules/conv.h>

#include <memory>
#include <optional>
#include <vector>

#include "loupe/v1/detector.pb.h"
#include "worker/detection/backbone.h"
#include "worker/detection/conv_norm.h"

namespace loupe::detection {

// Squeeze-and-excitation: weights each channel by a small network on the channels' means (Hu et al. 2018).
class SqueezeExcitation : public torch::nn::Module {
 public:
  SqueezeExcitation(int64_t channels, int64_t squeezed);

  // Shapes: x [N, channels, H, W], as the result.
  torch::Tensor Forward(const torch::Tensor& x) const;
  void StopTraining();

 private:
  torch::nn::Conv2d fc1_, fc2_;
};

// One block, as v1::InvertedResidual describes it.
class InvertedResidual : public torch::nn::Module {
 public:
  explicit InvertedResidual(const v1::InvertedResidual& config);

  torch::Tensor Forward(const torch::Tensor& x) const;
  void StopTraining();

 private:
  Activation activation_;
  bool adds_input_;
  std::optional<ConvNorm> expand_;
  ConvNorm depthwise_;
  std::shared_ptr<SqueezeExcitation> squeeze_;  // null where the block has none
  ConvNorm project_;
};

// Returns the maps of the configuration's `pyramid_block` and of the last convolution, both at stride 32 in
// torchvision's detector.
class MobilenetV3 : public Backbone {
 public:
  explicit MobilenetV3(const v1::Backbone& config);

  std::vector<torch::Tensor> ForwardFrozen(const torch::Tensor& images) override;
  std::vector<torch::Tensor> ForwardTrained(const std::vector<torch::Tensor>& frozen) override;
  bool HasFrozenLayers() const override { return stem_.IsFrozen(); }
  void FreezeBelow(int trainable_layers) override;

 private:
  // A place is an index into torchvision's sequence: the stem is 0, the blocks follow from 1, the last
  // convolution comes last.
  int PlaceCount() const { return static_cast<int>(blocks_.size()) + 2; }
  // The number of places that are frozen, counted from the stem up to the first trained one.
  int FrozenPlaces() const;
  // Runs the places from `begin` to before `end` on the last of `maps`. Keeps the maps before it. Appends the
  // map of the pyramid block, if that block is run, and the result.
  std::vector<torch::Tensor> Run(std::vector<torch::Tensor> maps, int begin, int end) const;

  ConvNorm stem_;
  std::vector<std::shared_ptr<InvertedResidual>> blocks_;
  ConvNorm last_;
  int pyramid_block_;
  std::vector<int> layer_starts_;  // where each layer begins; FreezeBelow says what a layer is
};

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_MOBILENET_H_
