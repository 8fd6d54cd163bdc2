// What the feature pyramid needs of the network under it.

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

  // The two halves of Forward: the lowest layers, as far as their output for an image never changes in
  // training because weights and batch norm are frozen, and the rest. What goes from one to the other has
  // images first.
  virtual std::vector<torch::Tensor> ForwardFrozen(const torch::Tensor& images) = 0;
  virtual std::vector<torch::Tensor> ForwardTrained(const std::vector<torch::Tensor>& frozen) = 0;
  // Whether the first half is more than the images themselves.
  virtual bool HasFrozenLayers() const = 0;

  // Of each feature map.
  const std::vector<int64_t>& channels() const { return channels_; }
  const std::vector<int64_t>& strides() const { return strides_; }

  // Stops training of all but the last `trainable_layers` layers, counted as torchvision counts them: of a
  // ResNet layer4, layer3, layer2, layer1 and the stem, also where layer4 isn't built; of MobileNetV3 the
  // last convolution, the four runs of blocks that begin with a stride, and the stem with its block.
  virtual void FreezeBelow(int trainable_layers) = 0;

 protected:
  std::vector<int64_t> channels_;
  std::vector<int64_t> strides_;
};

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_BACKBONE_H_
