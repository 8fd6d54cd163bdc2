// The losses of boxes. The region proposal network and the box head share them.

#ifndef LOUPE_WORKER_DETECTION_LOSSES_H_
#define LOUPE_WORKER_DETECTION_LOSSES_H_

#include <torch/types.h>

#include "loupe/v1/detector.pb.h"
#include "worker/detection/box_coder.h"

namespace loupe::detection {

struct BoxLoss {
  v1::Detector::BoxLoss kind = v1::Detector::SMOOTH_L1;
  double beta = 0;  // of SMOOTH_L1
};

// The sum over boxes of what separates them from their truth. `deltas` lead from `anchors` to the boxes.
// Shapes: [M, 4] all; M may be 0. Requires: sides of anchors and truth > 0.
// Source: torchvision's `smooth_l1_loss`; fvcore's `giou_loss`, `diou_loss` and `ciou_loss`.
torch::Tensor SumBoxLoss(const BoxLoss& loss, const BoxCoder& coder, const torch::Tensor& deltas,
                         const torch::Tensor& anchors, const torch::Tensor& truth);

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_LOSSES_H_
