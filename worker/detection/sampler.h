// Which anchors or proposals a loss sees.

#ifndef LOUPE_WORKER_DETECTION_SAMPLER_H_
#define LOUPE_WORKER_DETECTION_SAMPLER_H_

#include <torch/types.h>

#include <cstdint>

namespace loupe::detection {

struct Sample {
  torch::Tensor positives;  // [.] int64, rising
  torch::Tensor negatives;  // [.] int64, rising
};

// Draws without replacement: positives (match >= 0) up to `count` * `positive_fraction`, and negatives
// (kBackground) up to what is left of `count`. Fewer where there are fewer.
// Shapes: matches [N] int64, as Match returns them. The same seed and matches give the same sample.
Sample SampleBalanced(const torch::Tensor& matches, int64_t count, double positive_fraction, uint64_t seed);

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_SAMPLER_H_
