// A small training that tests run for a few steps.
#pragma once

#include <gtest/gtest.h>
#include <torch/types.h>

#include <map>
#include <string>

#include "recipe/recipe.h"
#include "worker/detection/weights.h"
#include "worker/training/trainer.h"

namespace loupe {

// Grey pictures of 64 x 64 with one bright square, which is the box.
inline TrainingSet Squares(int count) {
  TrainingSet set;
  set.class_names = {"square", "bar"};
  for (int i = 0; i < count; ++i) {
    const int x = 4 + 7 * (i % 5);
    const int y = 4 + 5 * (i % 7);
    const int height = i % 2 == 0 ? 20 : 8;
    const auto load = [x, y, height]() -> absl::StatusOr<torch::Tensor> {
      torch::Tensor image = torch::full({3, 64, 64}, 0.3F);
      image.slice(1, y, y + height).slice(2, x, x + 20) = 0.9F;
      return image;
    };
    set.images.push_back(
        {"square_" + std::to_string(i), load,
         TargetOf({{{float(x), float(y), float(x + 20), float(y + height)}, 1 + i % 2, false}})});
  }
  return set;
}

inline v1::Recipe SmallRecipe(uint32_t iterations, const std::string& more = "") {
  absl::StatusOr<v1::Recipe> recipe = ParseRecipe(
      "detector { preset: \"small\" min_size: 64 max_size: 64 } training { batch_size: 2 iterations: " +
      std::to_string(iterations) + " checkpoint_interval: 3 " + more + " } seed: 5");
  EXPECT_TRUE(recipe.ok()) << recipe.status();
  return *recipe;
}

inline TrainingCallbacks Ignore() {
  return {[](const TrainingProgress&) { return absl::OkStatus(); },
          [](const Checkpoint&) { return absl::OkStatus(); }};
}

inline std::map<std::string, torch::Tensor> Weights(const Trainer& trainer) {
  return detection::StateDict(*trainer.model());
}

// Weights for a backbone, with batch norm that then is frozen.
inline SafetensorsFile SomeBackbone() {
  SafetensorsFile init;
  for (const auto& [name, tensor] : Weights(**Trainer::Create(SmallRecipe(1), Squares(2), nullptr))) {
    if (name.starts_with("backbone.body.")) init.tensors[name.substr(sizeof("backbone.body.") - 1)] = tensor;
  }
  return init;
}

}  // namespace loupe
