// What a training starts from.
#pragma once

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "loupe/v1/recipe.pb.h"
#include "worker/detection/weights.h"

namespace loupe {

// Puts `weights`, whole or in part, into a model that was just initialised, and stops the training of the
// layers below `trainable_layers`. With init_shrink and init_perturb at their defaults weights are taken as
// they are and batch norm is frozen. Otherwise a trained parameter that was taken becomes
//   init_shrink * taken + init_perturb * what the model was initialised with,
// batch norm's scale and shift among them; its statistics are taken as they are and are live, except in
// layers that are not trained. Requires: a recipe with defaults filled in. Errors: of LoadWeights. Source:
// Ash and Adams 2020, "On Warm-Starting Neural Network Training".
absl::StatusOr<detection::LoadReport> TakeInitialWeights(const std::map<std::string, torch::Tensor>& weights,
                                                         const v1::DetectorRecipe& recipe,
                                                         detection::FasterRcnn& model);

}  // namespace loupe
