#include "worker/training/initial_weights.h"

#include <torch/types.h>

#include <vector>

#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "worker/detection/faster_rcnn.h"

namespace loupe {
namespace {

// The loaded batch norms in layers that are not trained.
std::vector<std::string> UntrainedNorms(const std::vector<std::string>& taken,
                                        const detection::FasterRcnn& model) {
  const auto parameters = model.named_parameters();
  std::vector<std::string> norms;
  for (const std::string& name : taken) {
    absl::string_view norm = name;
    if (!absl::ConsumeSuffix(&norm, ".running_var")) continue;
    if (!parameters[std::string(norm) + ".weight"].requires_grad()) norms.emplace_back(norm);
  }
  return norms;
}

}  // namespace

absl::StatusOr<detection::LoadReport> TakeInitialWeights(const std::map<std::string, torch::Tensor>& weights,
                                                         const v1::DetectorRecipe& recipe,
                                                         detection::FasterRcnn& model) {
  const bool perturbs = recipe.init_shrink() != 1 || recipe.init_perturb() != 0;
  const bool is_live = perturbs || model.config().backbone().live_norm();
  std::map<std::string, torch::Tensor> fresh;
  if (perturbs) {
    for (const auto& item : model.named_parameters()) fresh[item.key()] = item.value().detach().clone();
  }
  absl::StatusOr<detection::LoadReport> report =
      detection::LoadWeights(weights, {.freeze_loaded_norms = !is_live}, model);
  if (!report.ok()) return report;
  model.FreezeBackbone(static_cast<int>(recipe.trainable_layers()));
  if (is_live) {
    const absl::Status frozen = detection::FreezeNorms(UntrainedNorms(report->taken, model), model);
    if (!frozen.ok()) return frozen;
  }
  if (!perturbs) return report;
  torch::NoGradGuard no_grad;
  auto parameters = model.named_parameters();
  for (const std::string& name : report->taken) {
    torch::Tensor* parameter = parameters.find(name);
    if (parameter == nullptr || !parameter->requires_grad()) continue;
    parameter->mul_(recipe.init_shrink()).add_(fresh.at(name), recipe.init_perturb());
  }
  return report;
}

}  // namespace loupe
