// A device that computes on the CPU and keeps to the rules of a GPU, for tests where no GPU is.
//
// Its tensors lie in host memory but belong to a device type for which LibTorch 1.13 has no kernels of its
// own (XPU; PrivateUse1, which is meant for this, can't hold a module's parameters yet), so that code takes
// the path that it takes on a GPU. An operation on tensors of both devices fails, as it would on a GPU.
// Copies and numbers (CPU tensors without dimensions) are the exceptions.

#ifndef LOUPE_TESTS_SUPPORT_STRICT_DEVICE_H_
#define LOUPE_TESTS_SUPPORT_STRICT_DEVICE_H_

#include <torch/types.h>

namespace loupe {

torch::Device StrictDevice();

}  // namespace loupe

#endif  // LOUPE_TESTS_SUPPORT_STRICT_DEVICE_H_
