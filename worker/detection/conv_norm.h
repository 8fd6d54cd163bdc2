// A convolution, the batch norm behind it and the activation behind that, run as one.

#ifndef LOUPE_WORKER_DETECTION_CONV_NORM_H_
#define LOUPE_WORKER_DETECTION_CONV_NORM_H_

#include <torch/nn/modules/conv.h>

#include <cstdint>
#include <memory>
#include <utility>

namespace loupe::detection {

// Batch norm over [N, channels, H, W]; live (statistics of the batch in training, running ones otherwise) or
// frozen (an affine map with constants: torchvision's FrozenBatchNorm2d). In a state dict both look the same:
// weight, bias, running_mean, running_var.
class BatchNorm : public torch::nn::Module {
 public:
  explicit BatchNorm(int64_t channels);

  // From now on an affine map with constants, in training too.
  void Freeze();
  bool frozen() const { return frozen_; }
  // Whether the next forward pass normalises with the statistics of its batch.
  bool uses_batch_statistics() const { return is_training() && !frozen_; }

  // Normalises with the statistics of the batch and updates the running ones.
  torch::Tensor NormaliseBatch(const torch::Tensor& x);
  // Scale and shift [channels] that it amounts to with running statistics.
  std::pair<torch::Tensor, torch::Tensor> ScaleAndShift() const;

  // Added to variances; a folded file is loaded as running_var = 1 - kEpsilon.
  static constexpr double kEpsilon = 1e-5;

  torch::Tensor weight, bias;               // [channels]; parameters
  torch::Tensor running_mean, running_var;  // [channels]; buffers

 private:
  bool frozen_ = false;
};

enum class Activation { kNone, kRelu };

// Prediction on a CPU runs its convolutions in oneDNN's blocked layout, in which they are a third faster than
// channels-last. A blocked tensor knows convolution, sum, ReLU and max pooling, and nothing else.
// Returns `x` blocked where that is possible (no gradients wanted, float32 on a CPU), else `x`.
torch::Tensor ToBlocked(const torch::Tensor& x);
// Back to the usual layout; tensors that are not blocked are returned as they are.
torch::Tensor ToDense(const torch::Tensor& x);

// Convolution with an optional batch norm. Not a module itself, so that the owner can register the two parts
// under torchvision's names. Runs channels-last. Batch norm that uses no batch statistics is folded into the
// weights: in training on the fly, which costs less than scaling the activations; otherwise once, until a
// weight changes.
class ConvNorm {
 public:
  // `norm` may be null; then the convolution has its own bias.
  ConvNorm(torch::nn::Conv2d conv, std::shared_ptr<BatchNorm> norm);

  // Shapes: x [N, in, H, W], blocked or not, as the result is; residual undefined or as the result, which it
  // is added to before the activation.
  torch::Tensor Forward(const torch::Tensor& x, Activation activation,
                        const torch::Tensor& residual = {}) const;

  const torch::nn::Conv2d& conv() const { return conv_; }
  const std::shared_ptr<BatchNorm>& norm() const { return norm_; }

  // Stops training of weights and of the batch norm's scale and shift.
  void StopTraining();

 private:
  // Sum of the version counters of what is folded; in-place changes raise it.
  int64_t Version() const;
  bool NeedsGradient() const;
  std::pair<torch::Tensor, torch::Tensor> Fold() const;
  // Makes folded_ anew where a weight changed.
  void RefreshFold() const;
  const torch::Tensor& BlockedWeight() const;

  struct Folded {
    torch::Tensor weight, bias;
    torch::Tensor blocked_weight;  // made when first needed
    int64_t version = -1;          // Version() that it was made from
    const void* storage = nullptr;
  };

  torch::nn::Conv2d conv_;
  std::shared_ptr<BatchNorm> norm_;
  mutable Folded folded_;
};

// A convolution without bias and batch norm behind it, square and padded to keep the size at stride 1,
// initialised as torchvision's ResNet: He et al. 2015, fan out.
ConvNorm MakeConvNorm(int64_t in_channels, int64_t out_channels, int64_t kernel_size, int64_t stride);

// A convolution with bias and without batch norm, square and padded to keep the size.
ConvNorm MakeConv(int64_t in_channels, int64_t out_channels, int64_t kernel_size);

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_CONV_NORM_H_
