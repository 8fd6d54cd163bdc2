// Draws the anchors or proposals that a loss sees.

#ifndef LOUPE_WORKER_DETECTION_SAMPLER_H_
#define LOUPE_WORKER_DETECTION_SAMPLER_H_

#include <torch/types.h>

#include <cstdint>

namespace loupe::detection {

struct Sample {
  torch::Tensor positives;  // [.] int64, ascending
  torch::Tensor negatives;  // [.] int64, ascending
};

// Draws without replacement: at most `count` * `positive_fraction` positives (match >= 0), then negatives
// (kBackground) until there are `count` in all, or fewer when there are no more.
// Shapes: matches [N] int64, as Match returns them. The same seed and matches give the same sample.
Sample SampleBalanced(const torch::Tensor& matches, int64_t count, double positive_fraction, uint64_t seed);

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_SAMPLER_H_
