// The network under the feature pyramid.

#ifndef LOUPE_WORKER_DETECTION_BACKBONE_H_
#define LOUPE_WORKER_DETECTION_BACKBONE_H_

#include <torch/nn/module.h>

#include <cstdint>
#include <vector>

namespace loupe::detection {

class Backbone : public torch::nn::Module {
 public:
  // Feature maps [N, channels()[i], H / strides()[i], W / strides()[i]], finest first.
  // Shapes: images [N, 3, H, W], H and W multiples of the coarsest stride, channels-last.
  std::vector<torch::Tensor> Forward(const torch::Tensor& images) {
    return ForwardTrained(ForwardFrozen(images));
  }

  // The two halves of Forward. The first half is the frozen layers at the bottom: their weights and batch
  // norm are frozen, so their output for an image never changes in training. The second half is the rest. The
  // tensors between them have the images as their first dimension.
  virtual std::vector<torch::Tensor> ForwardFrozen(const torch::Tensor& images) = 0;
  virtual std::vector<torch::Tensor> ForwardTrained(const std::vector<torch::Tensor>& frozen) = 0;
  // Whether any layer is in the first half; else it returns the images.
  virtual bool HasFrozenLayers() const = 0;

  // Channels and strides of each feature map.
  const std::vector<int64_t>& channels() const { return channels_; }
  const std::vector<int64_t>& strides() const { return strides_; }

  // Stops training of all but the last `trainable_layers` layers. Layers are counted from the top as in
  // torchvision. ResNet: layer4, layer3, layer2, layer1, stem; layer4 counts even when it isn't built.
  // MobileNetV3: the last convolution, the four groups of blocks that begin with a stride, the stem with the
  // first block.
  virtual void FreezeBelow(int trainable_layers) = 0;

 protected:
  std::vector<int64_t> channels_;
  std::vector<int64_t> strides_;
};

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_BACKBONE_H_
