// Random changes of a training image that leave its truth true.
#pragma once

#include <torch/types.h>

#include <array>

#include "evaluation/seeded_random.h"
#include "loupe/v1/recipe.pb.h"
#include "worker/detection/types.h"

namespace loupe {

struct Example {
  torch::Tensor image;  // [3, H, W] float32 RGB in [0, 1]
  detection::Target target;
};

// Whether Augment may change an image.
bool Augments(const v1::TrainingRecipe& recipe);

// Crop, colour jitter, scale jitter and flips of a recipe (TrainingRecipe describes them), in this order.
// Boxes and regions to ignore move along and stay inside the image; labels keep their order. The image's
// memory is not written to; the result shares it where nothing has changed. canvas: RGB in [0, 1], around
// pictures that have been shrunk. random: the number of draws depends on nothing, so that one chance set to 0
// shifts nothing else. Requires: a recipe with defaults filled in; boxes inside the image.
Example Augment(const Example& example, const v1::TrainingRecipe& recipe, const std::array<float, 3>& canvas,
                evaluation::SeededRandom& random);

}  // namespace loupe
