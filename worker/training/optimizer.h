// The optimizer of a recipe over the parameters of a detector: rates, schedule, clipping, and its state by
// name.
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
  bool slow = false;  // learns at the rate times `backbone_rate_factor`
};

// The factor on the learning rate in step `iteration` (from 0): a linear rise from a thousandth over the
// warm-up; then `decay_factor` for each share of the iterations that has passed, or a cosine that would be at
// `final_factor` in the step after the last. Requires: a recipe with defaults filled in.
double RateFactor(const v1::TrainingRecipe& recipe, int64_t iteration);

// AdamW (Loshchilov and Hutter 2019) or SGD with momentum, as LibTorch computes them.
class RecipeOptimizer {
 public:
  // Requires: a recipe with defaults filled in; parameters that require gradients.
  RecipeOptimizer(const v1::TrainingRecipe& recipe, std::vector<NamedParameter> parameters);
  ~RecipeOptimizer();

  std::vector<torch::Tensor> parameters() const;

  void ClearGradients();
  // Clips the gradients and takes the step. Returns the norm of the gradients before; nothing is changed when
  // that is not finite.
  double Step(int64_t iteration);

  // What a resumed training needs, by "<quantity>/<parameter>"; not copied.
  std::map<std::string, torch::Tensor> State() const;
  // Errors: INVALID_ARGUMENT when a quantity is missing or has another shape.
  absl::Status Restore(const std::map<std::string, torch::Tensor>& state);

 private:
  v1::TrainingRecipe recipe_;
  std::vector<NamedParameter> parameters_;
  std::unique_ptr<torch::optim::Optimizer> optimizer_;
  std::vector<double> base_rates_;  // by parameter group
};

}  // namespace loupe
