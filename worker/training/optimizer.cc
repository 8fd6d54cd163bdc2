#include "worker/training/optimizer.h"

#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace loupe {
namespace {

using torch::optim::AdamWParamState;
using torch::optim::SGDParamState;

std::string StateKey(const torch::Tensor& parameter) {
  return c10::guts::to_string(parameter.unsafeGetTensorImpl());
}

std::unique_ptr<torch::optim::OptimizerOptions> MakeOptions(const v1::TrainingRecipe& recipe, double rate) {
  if (recipe.optimizer() == v1::TrainingRecipe::SGD) {
    return std::make_unique<torch::optim::SGDOptions>(
        torch::optim::SGDOptions(rate).momentum(recipe.momentum()).weight_decay(recipe.weight_decay()));
  }
  return std::make_unique<torch::optim::AdamWOptions>(
      torch::optim::AdamWOptions(rate).weight_decay(recipe.weight_decay()));
}

std::unique_ptr<torch::optim::Optimizer> MakeOptimizer(
    const v1::TrainingRecipe& recipe, std::vector<torch::optim::OptimizerParamGroup> groups) {
  if (recipe.optimizer() == v1::TrainingRecipe::SGD) {
    return std::make_unique<torch::optim::SGD>(std::move(groups),
                                               torch::optim::SGDOptions(recipe.learning_rate()));
  }
  return std::make_unique<torch::optim::AdamW>(std::move(groups),
                                               torch::optim::AdamWOptions(recipe.learning_rate()));
}

// The tensor `quantity` of a parameter from a saved state, on the device of the parameter.
absl::StatusOr<torch::Tensor> Saved(const std::map<std::string, torch::Tensor>& state,
                                    const std::string& quantity, const NamedParameter& parameter) {
  const std::string key = absl::StrCat(quantity, "/", parameter.name);
  const auto found = state.find(key);
  if (found == state.end() || !found->second.sizes().equals(parameter.tensor.sizes())) {
    return absl::InvalidArgumentError(absl::StrCat("the checkpoint lacks the optimizer's ", key));
  }
  return found->second.to(parameter.tensor.device(), /*non_blocking=*/false, /*copy=*/true);
}

}  // namespace

double RateFactor(const v1::TrainingRecipe& recipe, int64_t iteration) {
  double factor = 1;
  const double warmup = recipe.warmup_iterations();
  if (static_cast<double>(iteration) < warmup) {
    constexpr double kStart = 1e-3;
    factor = kStart + (1 - kStart) * static_cast<double>(iteration) / warmup;
  } else if (recipe.schedule() == v1::TrainingRecipe::COSINE) {
    const double passed = (static_cast<double>(iteration) - warmup) / (recipe.iterations() - warmup);
    factor =
        recipe.final_factor() + (1 - recipe.final_factor()) * (1 + std::cos(std::numbers::pi * passed)) / 2;
  }
  for (const double share : recipe.decay_at()) {
    if (static_cast<double>(iteration) >= share * recipe.iterations()) factor *= recipe.decay_factor();
  }
  return factor;
}

RecipeOptimizer::RecipeOptimizer(const v1::TrainingRecipe& recipe, std::vector<NamedParameter> parameters)
    : recipe_(recipe), parameters_(std::move(parameters)) {
  std::vector<torch::optim::OptimizerParamGroup> groups;
  for (const bool slow : {false, true}) {
    std::vector<torch::Tensor> tensors;
    for (const NamedParameter& parameter : parameters_) {
      if (parameter.slow == slow) tensors.push_back(parameter.tensor);
    }
    if (tensors.empty()) continue;
    base_rates_.push_back(recipe.learning_rate() * (slow ? recipe.backbone_rate_factor() : 1));
    groups.emplace_back(std::move(tensors), MakeOptions(recipe, base_rates_.back()));
  }
  optimizer_ = MakeOptimizer(recipe, std::move(groups));
}

RecipeOptimizer::~RecipeOptimizer() = default;

std::vector<torch::Tensor> RecipeOptimizer::parameters() const {
  std::vector<torch::Tensor> tensors;
  for (const NamedParameter& parameter : parameters_) tensors.push_back(parameter.tensor);
  return tensors;
}

void RecipeOptimizer::ClearGradients() {
  for (NamedParameter& parameter : parameters_) parameter.tensor.mutable_grad().reset();
}

double RecipeOptimizer::Step(int64_t iteration) {
  std::vector<torch::Tensor> with_gradient;
  for (const NamedParameter& parameter : parameters_) {
    if (parameter.tensor.grad().defined()) with_gradient.push_back(parameter.tensor);
  }
  const double limit = recipe_.clip_norm() > 0 ? recipe_.clip_norm() : HUGE_VAL;
  // Clipping by a norm that is not finite would spread it to every gradient, and then to the weights.
  const double norm = torch::nn::utils::clip_grad_norm_(with_gradient, limit);
  if (!std::isfinite(norm)) return norm;
  const double factor = RateFactor(recipe_, iteration);
  for (size_t i = 0; i < base_rates_.size(); ++i) {
    optimizer_->param_groups()[i].options().set_lr(base_rates_[i] * factor);
  }
  optimizer_->step();
  return norm;
}

std::map<std::string, torch::Tensor> RecipeOptimizer::State() const {
  std::map<std::string, torch::Tensor> state;
  for (const NamedParameter& parameter : parameters_) {
    const auto found = optimizer_->state().find(StateKey(parameter.tensor));
    if (found == optimizer_->state().end()) continue;
    if (recipe_.optimizer() == v1::TrainingRecipe::SGD) {
      const auto& values = static_cast<const SGDParamState&>(*found->second);
      if (values.momentum_buffer().defined()) state["momentum/" + parameter.name] = values.momentum_buffer();
    } else {
      const auto& values = static_cast<const AdamWParamState&>(*found->second);
      state["mean/" + parameter.name] = values.exp_avg();
      state["square/" + parameter.name] = values.exp_avg_sq();
      state["steps/" + parameter.name] = torch::tensor({values.step()}, torch::kInt64);
    }
  }
  return state;
}

absl::Status RecipeOptimizer::Restore(const std::map<std::string, torch::Tensor>& state) {
  for (const NamedParameter& parameter : parameters_) {
    auto& slot = optimizer_->state()[StateKey(parameter.tensor)];
    if (recipe_.optimizer() == v1::TrainingRecipe::SGD) {
      if (recipe_.momentum() == 0) continue;
      absl::StatusOr<torch::Tensor> momentum = Saved(state, "momentum", parameter);
      if (!momentum.ok()) return momentum.status();
      auto values = std::make_unique<SGDParamState>();
      values->momentum_buffer(*momentum);
      slot = std::move(values);
      continue;
    }
    absl::StatusOr<torch::Tensor> mean = Saved(state, "mean", parameter);
    absl::StatusOr<torch::Tensor> square = Saved(state, "square", parameter);
    const auto steps = state.find("steps/" + parameter.name);
    if (!mean.ok()) return mean.status();
    if (!square.ok()) return square.status();
    if (steps == state.end()) return absl::InvalidArgumentError("the checkpoint lacks the optimizer's steps");
    auto values = std::make_unique<AdamWParamState>();
    values->exp_avg(*mean);
    values->exp_avg_sq(*square);
    values->step(steps->second.item<int64_t>());
    slot = std::move(values);
  }
  return absl::OkStatus();
}

}  // namespace loupe
