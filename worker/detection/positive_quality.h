// How well the second stage does on the proposals that hold something.

#ifndef LOUPE_WORKER_DETECTION_POSITIVE_QUALITY_H_
#define LOUPE_WORKER_DETECTION_POSITIVE_QUALITY_H_

#include <torch/types.h>

namespace loupe::detection {

// p^0.6 · IoU^0.4 of positives, summed by class: 1 each where class and box are right and sure.
// Shapes: probabilities [P] of each positive's true class; boxes [P, 4] predicted for that class; truth [P,
// 4]; labels [P] int64, 1..C. P may be 0. Returns [2, C] without gradient: sums and numbers of positives.
// Source: Yang et al., PPAL, CVPR 2024, equation 2 (one less its difficulty).
torch::Tensor PositiveQuality(const torch::Tensor& probabilities, const torch::Tensor& boxes,
                              const torch::Tensor& truth, const torch::Tensor& labels, int64_t classes);

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_POSITIVE_QUALITY_H_
