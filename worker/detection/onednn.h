// Convolutions and matrix products for prediction on a CPU, run by oneDNN itself.
//
// LibTorch 1.13 reaches the same library, but pins the weights to a layout that the fastest kernels don't
// take, and passes over the result again for the residual and the activation. Here both happen in the kernel.

#ifndef LOUPE_WORKER_DETECTION_ONEDNN_H_
#define LOUPE_WORKER_DETECTION_ONEDNN_H_

#include <torch/types.h>

#include <cstdint>
#include <memory>

namespace loupe::detection {

enum class Activation { kNone, kRelu, kHardSwish };

// Whether the classes below can take tensors such as `x`: float32 or bfloat16 on a CPU.
bool OneDnnTakes(const torch::Tensor& x);

// Whether oneDNN computes in bfloat16 on this CPU. It needs AVX-512; where that has no bfloat16 instructions
// (`lscpu`: avx512_bf16) oneDNN emulates them, several times slower than float32.
bool OneDnnHasBfloat16();

// A convolution with constant weights, square. Keeps what it prepared for the latest shapes of input.
class OneDnnConv {
 public:
  // Shapes: weight [out, in / groups, k, k], bias [out], both float32. `type` is that of the tensors to come,
  // float32 or bfloat16.
  OneDnnConv(const torch::Tensor& weight, const torch::Tensor& bias, int64_t stride, int64_t padding,
             int64_t groups, Activation activation, torch::ScalarType type);
  ~OneDnnConv();

  // Shapes: x [N, in, H, W]; returns [N, out, H', W'], channels-last, of x's type. `residual` is undefined,
  // or a channels-last tensor of the result's shape, which is added before the activation and whose memory
  // becomes the result's.
  torch::Tensor Forward(const torch::Tensor& x, const torch::Tensor& residual) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

// A fully connected layer with constant weights: a 1x1 convolution over a picture one pixel high, for which
// oneDNN has its fastest kernel.
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
