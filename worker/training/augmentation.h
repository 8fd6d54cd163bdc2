// Random changes of a training image and, with it, of its boxes.
#pragma once

#include <torch/types.h>

#include <array>

#include "evaluation/seeded_random.h"
#include "loupe/v1/recipe.pb.h"
#include "worker/detection/types.h"

namespace loupe {

struct Example {
  torch::Tensor image;  // [3, H, W] RGB, of a type that Levels takes
  detection::Target target;
};

// Whether Augment may change an image.
bool Augments(const v1::TrainingRecipe& recipe);

// Applies the recipe's crop, colour jitter, scale jitter and flips, in this order (see TrainingRecipe). Of an
// image above 24 megapixels only every second or third row and column is taken, so that copies stay small.
// Boxes and regions to ignore move with the image and stay inside it. Boxes keep their order, but a crop
// drops those outside it. The example is not changed; the result shares its memory where nothing has changed.
// canvas: RGB in [0, 1], the colour around an image that was shrunk.
// random: the number of draws is always the same, so a chance that is set to 0 doesn't shift the other draws.
// Requires: a recipe with defaults filled in; boxes inside the image.
Example Augment(const Example& example, const v1::TrainingRecipe& recipe, const std::array<float, 3>& canvas,
                evaluation::SeededRandom& random);

}  // namespace loupe
