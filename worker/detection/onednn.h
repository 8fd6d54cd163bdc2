// Convolutions and matrix products for prediction on a CPU, run by oneDNN itself.
//
// LibTorch 1.13 calls the same library, but fixes the weights to a layout that the fastest kernels don't
// accept, and adds the residual and applies the activation in further passes. Here the kernel does both.

#ifndef LOUPE_WORKER_DETECTION_ONEDNN_H_
#define LOUPE_WORKER_DETECTION_ONEDNN_H_

#include <torch/types.h>

#include <cstdint>
#include <memory>

namespace loupe::detection {

enum class Activation { kNone, kRelu, kHardSwish };

// Whether the classes below accept tensors such as `x`: float32 or bfloat16 on a CPU.
bool OneDnnTakes(const torch::Tensor& x);

// Whether oneDNN computes in bfloat16 on this CPU. It needs AVX-512. Without bfloat16 instructions (`lscpu`:
// avx512_bf16) oneDNN emulates them, which is several times slower than float32.
bool OneDnnHasBfloat16();

// A square convolution with constant weights. Caches the kernels for the latest input shapes.
class OneDnnConv {
 public:
  // Shapes: weight [out, in / groups, k, k], bias [out], both float32. `type` is the type of the inputs,
  // float32 or bfloat16.
  OneDnnConv(const torch::Tensor& weight, const torch::Tensor& bias, int64_t stride, int64_t padding,
             int64_t groups, Activation activation, torch::ScalarType type);
  ~OneDnnConv();

  // Shapes: x [N, in, H, W]; returns [N, out, H', W'], channels-last, of x's type. `residual` is undefined or
  // a channels-last tensor of the result's shape. It is added before the activation, and the result takes its
  // memory.
  torch::Tensor Forward(const torch::Tensor& x, const torch::Tensor& residual) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// A fully connected layer with constant weights. It runs as a 1x1 convolution over an image one pixel high,
// for which oneDNN has its fastest kernel.
class OneDnnLinear {
 public:
  // Shapes: weight [out, in], bias [out], both float32. `type` as above.
  OneDnnLinear(const torch::Tensor& weight, const torch::Tensor& bias, Activation activation,
               torch::ScalarType type);

  // Shapes: x [M, in]; returns [M, out].
  torch::Tensor Forward(const torch::Tensor& x) const;

 private:
  OneDnnConv conv_;
};

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_ONEDNN_H_
