#include "recipe/detector_tensors.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "recipe/presets.h"
#include "recipe/tensor_names.h"

namespace loupe {
namespace {

using v1::Backbone;
using Shape = std::vector<int64_t>;

constexpr char kPredictor[] = "roi_heads.box_predictor.";
constexpr int64_t kMaxClasses = 100'000;  // as on the worker's command line

// Collects tensors below a prefix.
class TensorList {
 public:
  void Add(const std::string& name, Shape shape) { tensors_.push_back({name, std::move(shape)}); }

  // A convolution or fully connected layer with its bias.
  void AddLayer(const std::string& name, Shape weight) {
    const int64_t outputs = weight.front();
    Add(name + ".weight", std::move(weight));
    Add(name + ".bias", {outputs});
  }

  // A convolution without bias and its batch norm.
  void AddConvNorm(const std::string& conv, const std::string& norm, Shape weight) {
    const int64_t outputs = weight.front();
    Add(conv + ".weight", std::move(weight));
    for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"})
      Add(norm + part, {outputs});
  }

  std::vector<NamedShape> Take() && { return std::move(tensors_); }

 private:
  std::vector<NamedShape> tensors_;
};

// The tensors of one residual block.
void AddResidualBlock(const std::string& prefix, Backbone::Block kind, int64_t in_channels, int64_t width,
                      int64_t out_channels, TensorList& list) {
  std::vector<Shape> convs = {{width, in_channels, 3, 3}, {width, width, 3, 3}};
  if (kind == Backbone::BOTTLENECK) {
    convs = {{width, in_channels, 1, 1}, {width, width, 3, 3}, {out_channels, width, 1, 1}};
  }
  for (size_t i = 0; i < convs.size(); ++i) {
    list.AddConvNorm(absl::StrCat(prefix, "conv", i + 1), absl::StrCat(prefix, "bn", i + 1), convs[i]);
  }
  if (in_channels != out_channels) {  // where a stage has a stride, too
    list.AddConvNorm(prefix + "downsample.0", prefix + "downsample.1", {out_channels, in_channels, 1, 1});
  }
}

// Returns the channels of the maps that the pyramid gets, finest first.
std::vector<int64_t> AddResnet(const std::string& prefix, const Backbone& backbone, TensorList& list) {
  const int64_t stem = backbone.stem_channels();
  list.AddConvNorm(prefix + "conv1", prefix + "bn1", {stem, 3, 7, 7});
  std::vector<int64_t> channels;
  int64_t in_channels = stem;
  for (int stage = 0; stage < backbone.stage_depths_size(); ++stage) {
    const int64_t width = int64_t{backbone.width()} << stage;
    const int64_t out_channels = int64_t{backbone.out_channels()} << stage;
    for (uint32_t index = 0; index < backbone.stage_depths(stage); ++index) {
      const std::string block = absl::StrCat(prefix, "layer", stage + 1, ".", index, ".");
      AddResidualBlock(block, backbone.block(), in_channels, width, out_channels, list);
      in_channels = out_channels;
    }
    channels.push_back(in_channels);
  }
  return channels;
}

void AddInvertedResidual(const std::string& prefix, const v1::InvertedResidual& block, TensorList& list) {
  const int64_t expanded = block.expanded_channels(), squeezed = block.squeezed_channels();
  const int64_t kernel_size = block.kernel_size();
  int part = 0;
  const auto next = [&] { return absl::StrCat(prefix, "block.", part++, "."); };
  const auto add_conv_norm = [&](Shape weight) {
    const std::string pair = next();
    list.AddConvNorm(pair + "0", pair + "1", std::move(weight));
  };
  if (block.expanded_channels() != block.in_channels()) add_conv_norm({expanded, block.in_channels(), 1, 1});
  add_conv_norm({expanded, 1, kernel_size, kernel_size});
  if (squeezed > 0) {
    const std::string squeeze = next();
    list.AddLayer(squeeze + "fc1", {squeezed, expanded, 1, 1});
    list.AddLayer(squeeze + "fc2", {expanded, squeezed, 1, 1});
  }
  add_conv_norm({block.out_channels(), expanded, 1, 1});
}

// As AddResnet.
std::vector<int64_t> AddMobilenet(const std::string& prefix, const Backbone& backbone, TensorList& list) {
  const auto& blocks = backbone.inverted_residuals();
  list.AddConvNorm(prefix + "0.0", prefix + "0.1", {backbone.stem_channels(), 3, 3, 3});
  for (int index = 0; index < blocks.size(); ++index) {
    AddInvertedResidual(absl::StrCat(prefix, index + 1, "."), blocks[index], list);
  }
  const std::string last = absl::StrCat(prefix, blocks.size() + 1, ".");
  list.AddConvNorm(last + "0", last + "1",
                   {backbone.last_channels(), blocks[blocks.size() - 1].out_channels(), 1, 1});
  return {blocks[static_cast<int>(backbone.pyramid_block()) - 1].out_channels(), backbone.last_channels()};
}

std::string ShapeText(const Shape& shape) { return absl::StrCat("[", absl::StrJoin(shape, ", "), "]"); }

// The number of classes that the file's last layers are made for; 1 where it has none or they make no sense,
// so that their shapes are reported.
int64_t ClassesOf(const std::map<std::string, const NamedShape*>& tensors) {
  for (const auto& [layer, rows_per_class] : {std::pair{"cls_score", 1}, std::pair{"bbox_pred", 4}}) {
    for (const char* part : {".weight", ".bias"}) {
      const auto found = tensors.find(absl::StrCat(kPredictor, layer, part));
      if (found == tensors.end() || found->second->shape.empty()) continue;
      const int64_t classes = found->second->shape.front() / rows_per_class - 1;
      return classes >= 1 && classes <= kMaxClasses ? classes : 1;
    }
  }
  return 1;
}

std::string FirstFew(const std::vector<std::string>& items) {
  constexpr size_t kShown = 3;
  const auto end = items.begin() + static_cast<int64_t>(std::min(kShown, items.size()));
  return absl::StrCat(absl::StrJoin(items.begin(), end, "; "), items.size() > kShown ? "; …" : "");
}

}  // namespace

std::vector<NamedShape> TensorShapes(const v1::Detector& detector, int64_t num_classes) {
  TensorList list;
  const std::string body = "backbone.body.";
  const bool resnet = detector.backbone().kind() == Backbone::RESNET;
  const std::vector<int64_t> maps =
      resnet ? AddResnet(body, detector.backbone(), list) : AddMobilenet(body, detector.backbone(), list);
  const int64_t channels = detector.fpn_channels();
  for (size_t level = 0; level < maps.size(); ++level) {
    list.AddLayer(absl::StrCat("backbone.fpn.inner_blocks.", level, ".0"), {channels, maps[level], 1, 1});
    list.AddLayer(absl::StrCat("backbone.fpn.layer_blocks.", level, ".0"), {channels, channels, 3, 3});
  }
  const int64_t anchors = int64_t{detector.anchor_levels(0).sizes_size()} * detector.anchor_ratios_size();
  list.AddLayer("rpn.head.conv.0.0", {channels, channels, 3, 3});
  list.AddLayer("rpn.head.cls_logits", {anchors, channels, 1, 1});
  list.AddLayer("rpn.head.bbox_pred", {4 * anchors, channels, 1, 1});
  const int64_t grid = detector.roi_output_size(), width = detector.box_head_width();
  list.AddLayer("roi_heads.box_head.fc6", {width, channels * grid * grid});
  list.AddLayer("roi_heads.box_head.fc7", {width, width});
  list.AddLayer(absl::StrCat(kPredictor, "cls_score"), {num_classes + 1, width});
  const int64_t boxes = detector.class_agnostic_boxes() ? 1 : num_classes + 1;
  list.AddLayer(absl::StrCat(kPredictor, "bbox_pred"), {4 * boxes, width});
  return std::move(list).Take();
}

absl::Status CheckTensors(const v1::Detector& detector, const std::vector<NamedShape>& tensors) {
  std::map<std::string, const NamedShape*> by_file_name;
  std::vector<std::string> file_names;
  for (const NamedShape& tensor : tensors) {
    by_file_name[tensor.name] = &tensor;
    file_names.push_back(tensor.name);
  }
  std::map<std::string, const NamedShape*> by_model_name;
  for (const auto& [model, file] : ModelTensorNames(file_names)) by_model_name[model] = by_file_name.at(file);
  std::map<std::string, Shape> expected;
  for (NamedShape& tensor : TensorShapes(detector, ClassesOf(by_model_name))) {
    expected[tensor.name] = std::move(tensor.shape);
  }

  const auto has = [&](const std::string& name) { return expected.contains(name); };
  // kDetectron2Preset is the name of no preset.
  const bool has_preset = detector.preset() != kDetectron2Preset;
  const std::string which = has_preset ? absl::StrCat("preset ", detector.preset()) : "detector";
  const std::string quoted = has_preset ? absl::StrCat("preset '", detector.preset(), "'") : "the detector";
  size_t fitting = 0;
  std::vector<std::string> mismatches;
  for (const auto& [name, tensor] : by_model_name) {
    std::string target = name;
    if (const auto norm = FoldedNorm(name, has); norm.has_value()) target = *norm + ".bias";
    const auto found = expected.find(target);
    if (found == expected.end()) continue;
    if (found->second == tensor->shape) {
      ++fitting;
    } else {
      mismatches.push_back(absl::StrCat(tensor->name, ": file ", ShapeText(tensor->shape), ", ", which, " ",
                                        ShapeText(found->second)));
    }
  }
  if (!mismatches.empty()) {
    return absl::InvalidArgumentError(absl::StrCat("the weights don't fit ", quoted, ": ", mismatches.size(),
                                                   " of ", tensors.size(),
                                                   " tensors have another shape: ", FirstFew(mismatches)));
  }
  if (fitting == 0) {
    return absl::InvalidArgumentError(absl::StrCat("none of the ", tensors.size(), " tensors fits ", quoted,
                                                   "; they are named ", FirstFew(file_names)));
  }
  return absl::OkStatus();
}

absl::Status CheckWholeDetector(const v1::Detector& detector, int64_t num_classes,
                                const std::vector<NamedShape>& tensors) {
  std::map<std::string, const Shape*> given;
  for (const NamedShape& tensor : tensors) given[tensor.name] = &tensor.shape;
  std::vector<std::string> faults;
  for (const NamedShape& expected : TensorShapes(detector, num_classes)) {
    const auto found = given.find(expected.name);
    if (found == given.end()) {
      faults.push_back(absl::StrCat(expected.name, " is missing"));
    } else if (*found->second != expected.shape) {
      faults.push_back(absl::StrCat(expected.name, " has shape ", ShapeText(*found->second), ", not ",
                                    ShapeText(expected.shape)));
    }
  }
  if (faults.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the weights are not those of a ", detector.preset(), " of ",
                                                 num_classes, " classes: ", FirstFew(faults)));
}

}  // namespace loupe
