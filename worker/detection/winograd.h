// 3x3 convolutions with a quarter of the multiplications, on a CPU.
//
// The result is computed in tiles of 4 x 4 cells. A tile's patch of the input and the kernel are transformed,
// multiplied point by point (over channels: 36 matrix products) and transformed back. The rounding error is
// about that of a plain convolution, 1e-6 of the result's magnitude. Source: Lavin and Gray 2016. The points
// (winograd_kernel.h) had the smallest rounding error of a dozen sets.
//
// Shapes. N: images; I, O: channels in and out, multiples of 32; H, W: sides of the map. Maps are
// channels-last.

#ifndef LOUPE_WORKER_DETECTION_WINOGRAD_H_
#define LOUPE_WORKER_DETECTION_WINOGRAD_H_

#include <torch/types.h>

#include <cstdint>

#include "worker/detection/onednn.h"

namespace loupe::detection {

// Whether the convolution of x [N, I, H, W] with weight [O, I, k, k] can be computed here, and faster than by
// other means.
bool WinogradTakes(const torch::Tensor& x, const torch::Tensor& weight, int64_t stride);

// A convolution with constant weights, padded by 1.
class PreparedWinograd {
 public:
  // Shapes: weight [O, I, 3, 3], bias [O]. `activation`: kNone or kRelu.
  PreparedWinograd(const torch::Tensor& weight, const torch::Tensor& bias, Activation activation);

  // Shapes: x [N, I, H, W]; returns [N, O, H, W]. `residual` as in OneDnnConv::Forward.
  torch::Tensor Forward(const torch::Tensor& x, const torch::Tensor& residual) const;

 private:
  torch::Tensor transformed_;  // [36, O / 32, I, 32]
  torch::Tensor bias_;
  bool relu_;
};

// The convolution of x [N, I, H, W], padded by 1, with weight [O, I, 3, 3] and bias [O] (or undefined), with
// gradients.
torch::Tensor WinogradConv(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias);

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_WINOGRAD_H_
