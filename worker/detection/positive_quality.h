// How well the second stage does on positive proposals.

#ifndef LOUPE_WORKER_DETECTION_POSITIVE_QUALITY_H_
#define LOUPE_WORKER_DETECTION_POSITIVE_QUALITY_H_

#include <torch/types.h>

namespace loupe::detection {

// p^0.6 · IoU^0.4 of positives, summed per class. A positive counts 1 when its class is certain and its box
// exact.
// Shapes: probabilities [P] of each positive's true class; boxes [P, 4] predicted for that class; truth [P,
// 4]; labels [P] int64, 1..C. P may be 0. Returns [2, C] without gradient: sums and numbers of positives.
// Source: Yang et al., PPAL, CVPR 2024, equation 2 (1 minus its difficulty).
torch::Tensor PositiveQuality(const torch::Tensor& probabilities, const torch::Tensor& boxes,
                              const torch::Tensor& truth, const torch::Tensor& labels, int64_t classes);

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_POSITIVE_QUALITY_H_
