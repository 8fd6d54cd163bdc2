// The optimizer that a recipe describes: learning rates, schedule, gradient clipping, and a state that is
// saved by parameter name.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "loupe/v1/recipe.pb.h"

namespace torch::optim {
class Optimizer;
}

namespace loupe {

struct NamedParameter {
  std::string name;
  torch::Tensor tensor;
  bool slow = false;  // its learning rate is multiplied by `backbone_rate_factor`
};

// The factor on the learning rate in step `iteration`, from 0. It rises linearly from 1/1000 during the
// warm-up. After that it is multiplied by `decay_factor` at each share of `decay_at`, or it follows a cosine
// that would reach `final_factor` in the step after the last. Requires: a recipe with defaults filled in.
double RateFactor(const v1::TrainingRecipe& recipe, int64_t iteration);

// AdamW (Loshchilov and Hutter 2019) or SGD with momentum, as LibTorch computes them.
class RecipeOptimizer {
 public:
  // Requires: a recipe with defaults filled in; parameters that require gradients.
  RecipeOptimizer(const v1::TrainingRecipe& recipe, std::vector<NamedParameter> parameters);
  ~RecipeOptimizer();

  std::vector<torch::Tensor> parameters() const;

  void ClearGradients();
  // Clips the gradients and updates the parameters. Returns the norm of the gradients before clipping; when
  // it is not finite, no parameter is changed.
  double Step(int64_t iteration);

  // What a checkpoint saves, by "<quantity>/<parameter>". The tensors are not copied.
  std::map<std::string, torch::Tensor> State() const;
  // Errors: INVALID_ARGUMENT when a quantity is missing or has another shape.
  absl::Status Restore(const std::map<std::string, torch::Tensor>& state);

 private:
  v1::TrainingRecipe recipe_;
  std::vector<NamedParameter> parameters_;
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
  std::vector<double> base_rates_;  // per parameter group
};

}  // namespace loupe
