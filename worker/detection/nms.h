// Non-maximum suppression: of boxes that overlap, only the one with the highest score is kept.

#ifndef LOUPE_WORKER_DETECTION_NMS_H_
#define LOUPE_WORKER_DETECTION_NMS_H_

#include <torch/types.h>

namespace loupe::detection {

// Indices [K] int64 of the boxes that are kept, by descending score; equal scores in the order of the boxes.
// Drops a box whose IoU with a kept one is above `threshold`.
// Shapes: boxes [N, 4], scores [N]. On a CPU it never builds an N x N matrix.
torch::Tensor Nms(const torch::Tensor& boxes, const torch::Tensor& scores, double threshold);

// The same in plain tensor operations, for other devices and as the reference in tests. It needs few
// operations, but an N x N matrix.
torch::Tensor NmsReference(const torch::Tensor& boxes, const torch::Tensor& scores, double threshold);

// Nms within each group (class or pyramid level); boxes of different groups never suppress each other.
// Shapes: groups [N] int64, small numbers >= 0. Returns [K] int64 by descending score over all groups.
// Up to 1000 boxes are shifted apart by group and suppressed together, as torchvision does on a CPU. The
// shift costs some bits of the coordinates; the results match torchvision's only when the same bits are lost.
torch::Tensor GroupedNms(const torch::Tensor& boxes, const torch::Tensor& scores, const torch::Tensor& groups,
                         double threshold);

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_NMS_H_
