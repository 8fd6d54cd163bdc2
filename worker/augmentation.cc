#include "worker/augmentation.h"

#include <torch/torch.h>

namespace loupe {
namespace {

// Boxes [G, 4] mirrored along the axis whose coordinates are columns `low` and `high`, in `length` pixels.
torch::Tensor MirroredBoxes(const torch::Tensor& boxes, int64_t low, int64_t high, int64_t length) {
  if (!boxes.defined()) return boxes;
  torch::Tensor mirrored = boxes.clone();
  mirrored.select(1, low) = length - boxes.select(1, high);
  mirrored.select(1, high) = length - boxes.select(1, low);
  return mirrored;
}

Example Mirrored(const Example& example, int64_t axis) {
  const int64_t low = axis == 2 ? 0 : 1;
  const int64_t high = low + 2;
  const int64_t length = example.image.size(axis);
  Example mirrored = {example.image.flip({axis}), example.target};
  mirrored.target.boxes = MirroredBoxes(example.target.boxes, low, high, length);
  mirrored.target.ignore_boxes = MirroredBoxes(example.target.ignore_boxes, low, high, length);
  return mirrored;
}

}  // namespace

Example Flip(const Example& example, const FlipChances& chances, evaluation::SeededRandom& random) {
  // Both are drawn whatever comes of the first, so that a chance of 0 shifts nothing else.
  const bool horizontal = random.Uniform() < chances.horizontal;
  const bool vertical = random.Uniform() < chances.vertical;
  Example flipped = example;
  if (horizontal) flipped = Mirrored(flipped, 2);
  if (vertical) flipped = Mirrored(flipped, 1);
  return flipped;
}

}  // namespace loupe
