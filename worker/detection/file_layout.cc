#include "worker/detection/file_layout.h"

#include <torch/types.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

#include "absl/strings/match.h"
#include "detectron2/tensor_names.h"
#include "recipe/detector_tensors.h"

namespace loupe::detection {
namespace {

using TensorMap = std::map<std::string, torch::Tensor>;

constexpr char kStem[] = "backbone.body.conv1.weight";
constexpr char kClassScores[] = "roi_heads.box_predictor.cls_score.";
constexpr char kClassBoxes[] = "roi_heads.box_predictor.bbox_pred.";
constexpr char kObjectness[] = "rpn.head.cls_logits.";
constexpr char kAnchorBoxes[] = "rpn.head.bbox_pred.";

// Applies `change` to every tensor whose name begins with `prefix` and which has dimensions.
template <typename Change>
void ForEach(const std::string& prefix, TensorMap& tensors, const Change& change) {
  for (auto item = tensors.lower_bound(prefix); item != tensors.end(); ++item) {
    if (!absl::StartsWith(item->first, prefix)) return;
    if (item->second.dim() > 0) item->second = change(item->second).contiguous();
  }
}

void FlipColours(TensorMap& tensors) {
  ForEach(kStem, tensors, [](const torch::Tensor& weight) {
    return weight.dim() == 4 && weight.size(1) == 3 ? weight.flip(1) : weight;
  });
}

// Anchors of a cell from outer sizes to outer ratios, or back. Weights of another shape stay as they are.
void ReorderAnchors(int64_t outer, int64_t inner, TensorMap& tensors) {
  if (outer == 1 || inner == 1) return;
  for (const auto& [prefix, rows] : {std::pair{kObjectness, 1}, std::pair{kAnchorBoxes, 4}}) {
    ForEach(prefix, tensors, [&, rows = rows](const torch::Tensor& head) {
      if (head.size(0) != outer * inner * rows) return head;
      return head.view({outer, inner, -1}).transpose(0, 1).reshape(head.sizes());
    });
  }
}

// The names of a whole model in a file of Detectron2, with the model's own.
TensorMap FromDetectron2(const TensorMap& tensors, const v1::Detector& config) {
  std::map<std::string, std::string> known;
  for (const NamedShape& tensor : TensorShapes(config, /*num_classes=*/1)) {
    known[Detectron2Name(tensor.name)] = tensor.name;
  }
  std::vector<std::string> file_names;
  for (const auto& item : tensors) file_names.push_back(item.first);
  const std::vector<std::string> names = WholeDetectron2Names(file_names);
  TensorMap renamed;
  for (size_t i = 0; i < names.size(); ++i) {
    if (IsPassedOver(names[i])) continue;
    const auto found = known.find(names[i]);
    renamed[found == known.end() ? file_names[i] : found->second] = tensors.at(file_names[i]);
  }
  return renamed;
}

int64_t SizesOf(const v1::Detector& config) { return config.anchor_levels(0).sizes_size(); }

}  // namespace

absl::StatusOr<TensorMap> FromFileLayout(const TensorMap& tensors, const v1::Detector& config) {
  std::vector<std::string> names;
  for (const auto& item : tensors) names.push_back(item.first);
  if (!AreDetectron2Names(names)) return tensors;
  if (absl::Status supported = CheckDetectron2Names(names); !supported.ok()) return supported;
  const std::vector<std::string> whole_names = WholeDetectron2Names(names);
  if (std::set(whole_names.begin(), whole_names.end()).size() < names.size()) {
    return absl::InvalidArgumentError(
        "the checkpoint has tensors twice, with `module.` before their names and without");
  }
  TensorMap renamed = FromDetectron2(tensors, config);
  const bool whole = renamed.contains(std::string(kClassScores) + "bias");
  if (whole && config.file_names() != v1::Detector::DETECTRON2) return MissingDetectron2Config();
  if (config.file_bgr()) FlipColours(renamed);
  if (config.file_background_last()) {
    ForEach(kClassScores, renamed, [](const torch::Tensor& rows) { return rows.roll(1, 0); });
    if (!config.class_agnostic_boxes()) {
      ForEach(kClassBoxes, renamed, [](const torch::Tensor& rows) {
        return torch::cat({torch::zeros_like(rows.slice(0, 0, 4)), rows});
      });
    }
  }
  if (config.file_names() == v1::Detector::DETECTRON2) {
    ReorderAnchors(SizesOf(config), config.anchor_ratios_size(), renamed);
  }
  return renamed;
}

TensorMap ToFileLayout(const TensorMap& tensors, const v1::Detector& config) {
  TensorMap state = tensors;
  if (config.file_bgr()) FlipColours(state);
  if (config.file_background_last()) {
    ForEach(kClassScores, state, [](const torch::Tensor& rows) { return rows.roll(-1, 0); });
    if (!config.class_agnostic_boxes()) {
      ForEach(kClassBoxes, state, [](const torch::Tensor& rows) { return rows.slice(0, 4); });
    }
  }
  if (config.file_names() != v1::Detector::DETECTRON2) return state;
  ReorderAnchors(config.anchor_ratios_size(), SizesOf(config), state);
  TensorMap renamed;
  for (const auto& [name, tensor] : state) renamed[Detectron2Name(name)] = tensor;
  return renamed;
}

}  // namespace loupe::detection
