// Changes of a training image that leave its truth true.
#pragma once

#include <torch/types.h>

#include "evaluation/seeded_random.h"
#include "worker/detection/types.h"

namespace loupe {

struct FlipChances {
  double horizontal = 0;  // in [0, 1]
  double vertical = 0;
};

struct Example {
  torch::Tensor image;  // [3, H, W]
  detection::Target target;
};

// Mirrors image, boxes and regions to ignore, left to right and upside down, each with its chance.
Example Flip(const Example& example, const FlipChances& chances, evaluation::SeededRandom& random);

}  // namespace loupe
