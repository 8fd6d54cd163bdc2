// A convolution, the batch norm behind it and the activation behind that, run as one.

#ifndef LOUPE_WORKER_DETECTION_CONV_NORM_H_
#define LOUPE_WORKER_DETECTION_CONV_NORM_H_

#include <torch/nn/modules/conv.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "worker/detection/batch_norm.h"
#include "worker/detection/onednn.h"
#include "worker/detection/weight_version.h"
#include "worker/detection/winograd.h"

namespace loupe::detection {

// Batch norm over [N, channels, H, W]. It is live (statistics of the batch in training, running statistics
// otherwise) or frozen (an affine map with constants, torchvision's FrozenBatchNorm2d). In a state dict both
// look the same: weight, bias, running_mean, running_var.
class BatchNorm : public torch::nn::Module {
 public:
  explicit BatchNorm(int64_t channels);

  // From now on the batch norm is an affine map with constants, in training too.
  void Freeze();
  bool frozen() const { return frozen_; }
  // From now on the batch is spread over the processes of `group`; null: over this process only.
  void Synchronise(c10::intrusive_ptr<AllReduce> group) { group_ = std::move(group); }
  // Whether the next forward pass normalises with the statistics of its batch.
  bool uses_batch_statistics() const { return is_training() && !frozen_; }

  // Normalises with the statistics of the batch (over all processes after Synchronise) and updates the
  // running statistics.
  torch::Tensor NormaliseBatch(const torch::Tensor& x);
  // Scale and shift [channels] of the equal affine map, from the running statistics.
  std::pair<torch::Tensor, torch::Tensor> ScaleAndShift() const;

  // Added to variances; a folded file is loaded as running_var = 1 - kEpsilon.
  static constexpr double kEpsilon = 1e-5;

  torch::Tensor weight, bias;               // [channels]; parameters
  torch::Tensor running_mean, running_var;  // [channels]; buffers

 private:
  bool frozen_ = false;
  c10::intrusive_ptr<AllReduce> group_;
};

// Convolution with an optional batch norm. It isn't a module itself, so that the owner can register the two
// parts under torchvision's names. Runs channels-last. Batch norm without batch statistics is folded into the
// weights. In training this happens in each pass, which costs less than scaling the activations; otherwise,
// on a CPU, the folded weights are cached until a weight changes.
class ConvNorm {
 public:
  // `norm` may be null; then the convolution has its own bias.
  ConvNorm(torch::nn::Conv2d conv, std::shared_ptr<BatchNorm> norm);

  // Shapes: x [N, in, H, W]; residual: undefined or of the result's shape, added before the activation.
  // Computes in the type of x, float32 or bfloat16, whatever the type of the weights, and returns that type.
  // Without gradients the result takes the residual's memory.
  torch::Tensor Forward(const torch::Tensor& x, Activation activation,
                        const torch::Tensor& residual = {}) const;

  const torch::nn::Conv2d& conv() const { return conv_; }
  const std::shared_ptr<BatchNorm>& norm() const { return norm_; }

  // Stops training of weights and of the batch norm's scale and shift.
  void StopTraining();
  // Whether both parts are frozen, as the function IsFrozen below says.
  bool IsFrozen() const;

 private:
  bool NeedsGradient(const torch::Tensor& x) const;
  // Weight and bias with the batch norm folded in. The bias is always defined.
  std::pair<torch::Tensor, torch::Tensor> Fold() const;
  torch::Tensor Convolve(const torch::Tensor& x, const torch::Tensor& weight,
                         const torch::Tensor& bias) const;
  torch::Tensor Predict(const torch::Tensor& x, Activation activation, const torch::Tensor& residual) const;
  int64_t stride() const { return (*conv_->options.stride()).front(); }
  int64_t padding() const { return (*c10::get<torch::ExpandingArray<2>>(conv_->options.padding())).front(); }

  torch::nn::Conv2d conv_;
  std::shared_ptr<BatchNorm> norm_;

  // Made from the weights at `version`. Each kernel is made when a map first needs it.
  struct PreparedConv {
    std::shared_ptr<OneDnnConv> conv;
    std::shared_ptr<PreparedWinograd> winograd;
    Activation activation = Activation::kNone;
    torch::ScalarType type = torch::kFloat32;
    WeightVersion version;
  };
  mutable PreparedConv prepared_;
};

// Whether training can't change what a module computes: no parameter is trained, batch norm is frozen.
bool IsFrozen(const torch::nn::Module& module);

// A square convolution without bias, followed by batch norm. Padded to keep the size at stride 1. Initialised
// as in torchvision's backbones: He et al. 2015, fan out.
ConvNorm MakeConvNorm(int64_t in_channels, int64_t out_channels, int64_t kernel_size, int64_t stride,
                      int64_t groups = 1);

// A square convolution with bias and without batch norm, padded to keep the size.
ConvNorm MakeConv(int64_t in_channels, int64_t out_channels, int64_t kernel_size);

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_CONV_NORM_H_
