#include "worker/detection/class_heads.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "worker/detection/faster_rcnn.h"

namespace loupe::detection {
namespace {

// Name of a tensor, and its rows per class.
constexpr std::pair<const char*, int64_t> kHeads[] = {{"roi_heads.box_predictor.cls_score.weight", 1},
                                                      {"roi_heads.box_predictor.cls_score.bias", 1},
                                                      {"roi_heads.box_predictor.bbox_pred.weight", 4},
                                                      {"roi_heads.box_predictor.bbox_pred.bias", 4}};

std::optional<int64_t> Find(const std::vector<std::string>& names, const std::string& name) {
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return found - names.begin();
}

// Rows of one class, or of the background (class 0).
torch::Tensor Rows(const torch::Tensor& head, int64_t of_class, int64_t per_class) {
  return head.narrow(0, of_class * per_class, per_class);
}

}  // namespace

std::string ClassMatch::Summary() const {
  if (matched.empty() && dropped.empty() && fresh.empty()) return "";
  std::string summary = absl::StrCat(matched.size(), " classes matched by name");
  if (!dropped.empty()) absl::StrAppend(&summary, "; dropped: ", absl::StrJoin(dropped, ", "));
  if (!fresh.empty()) absl::StrAppend(&summary, "; fresh: ", absl::StrJoin(fresh, ", "));
  return summary;
}

ClassMatch MatchClasses(const std::vector<std::string>& weight_classes,
                        const std::vector<std::string>& model_classes, const FasterRcnn& model,
                        std::map<std::string, torch::Tensor>& weights) {
  ClassMatch match;
  if (weight_classes.empty() || weight_classes == model_classes) return match;
  for (const std::string& name : model_classes) {
    (Find(weight_classes, name).has_value() ? match.matched : match.fresh).push_back(name);
  }
  for (const std::string& name : weight_classes) {
    if (!Find(model_classes, name).has_value()) match.dropped.push_back(name);
  }
  const torch::NoGradGuard no_grad;
  const auto parameters = model.named_parameters();
  for (const auto& [name, per_class] : kHeads) {
    const auto head = weights.find(name);
    const auto rows = static_cast<int64_t>(weight_classes.size() + 1) * per_class;
    if (head == weights.end() || head->second.dim() == 0 || head->second.size(0) != rows) continue;
    const torch::Tensor own = parameters[name].detach().to(torch::kCPU, head->second.scalar_type());
    if (own.dim() != head->second.dim() || (own.dim() == 2 && own.size(1) != head->second.size(1))) continue;
    std::vector<torch::Tensor> parts = {Rows(head->second, 0, per_class)};
    for (size_t i = 0; i < model_classes.size(); ++i) {
      const std::optional<int64_t> place = Find(weight_classes, model_classes[i]);
      parts.push_back(place.has_value() ? Rows(head->second, *place + 1, per_class)
                                        : Rows(own, static_cast<int64_t>(i) + 1, per_class));
    }
    head->second = torch::cat(parts).contiguous();
  }
  return match;
}

}  // namespace loupe::detection
