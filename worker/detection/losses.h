// The loss of box deltas. The region proposal network and the box head share it.

#ifndef LOUPE_WORKER_DETECTION_LOSSES_H_
#define LOUPE_WORKER_DETECTION_LOSSES_H_

#include <torch/types.h>

namespace loupe::detection {

// Sum of smooth L1 losses with beta 1/9, as in torchvision. Shapes: [M, 4] both; M may be 0.
inline torch::Tensor BoxLoss(const torch::Tensor& deltas, const torch::Tensor& targets) {
  return torch::smooth_l1_loss(deltas, targets, at::Reduction::Sum, /*beta=*/1.0 / 9);
}

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_LOSSES_H_
