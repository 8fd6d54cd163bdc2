// The weights that a training starts from.
#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "loupe/v1/recipe.pb.h"
#include "worker/detection/weights.h"

namespace loupe {

// Loads `weights`, complete or in part, into a newly initialised model, and freezes the layers below
// `trainable_layers`.
// With the defaults of init_shrink and init_perturb, weights are loaded unchanged and loaded batch norm is
// frozen. Otherwise a loaded parameter that is trained becomes
//   init_shrink * loaded + init_perturb * initialised,
// also the scale and shift of batch norm. The statistics of batch norm are loaded unchanged; they are updated
// by the training, except in frozen layers.
// Requires: a recipe with defaults filled in. Errors: those of LoadWeights.
// Source: Ash and Adams 2020, "On Warm-Starting Neural Network Training".
absl::StatusOr<detection::LoadReport> TakeInitialWeights(const std::map<std::string, torch::Tensor>& weights,
                                                         const v1::DetectorRecipe& recipe,
                                                         detection::FasterRcnn& model);

}  // namespace loupe
