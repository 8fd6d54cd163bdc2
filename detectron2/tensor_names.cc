#include "detectron2/tensor_names.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace loupe {
namespace {

constexpr char kBody[] = "backbone.body.";
constexpr char kBottomUp[] = "backbone.bottom_up.";
constexpr char kParallel[] = "module.";

struct Renamed {
  const char* torchvision;
  const char* detectron2;
};

// What a name begins with.
constexpr std::array<Renamed, 7> kHeads = {{
    {"rpn.head.conv.0.0.", "proposal_generator.rpn_head.conv."},
    {"rpn.head.cls_logits.", "proposal_generator.rpn_head.objectness_logits."},
    {"rpn.head.bbox_pred.", "proposal_generator.rpn_head.anchor_deltas."},
    {"roi_heads.box_head.fc6.", "roi_heads.box_head.fc1."},
    {"roi_heads.box_head.fc7.", "roi_heads.box_head.fc2."},
    {"roi_heads.box_predictor.cls_score.", "roi_heads.box_predictor.cls_score."},
    {"roi_heads.box_predictor.bbox_pred.", "roi_heads.box_predictor.bbox_pred."},
}};

// Numbers of stages and pyramid levels begin at 2, that of the stride 4 = 2^2.
std::string FromTwo(const std::string& number, int first) {
  int value = first;
  (void)absl::SimpleAtoi(number, &value);
  return absl::StrCat(value - first + 2);
}

// A convolution or its norm: "conv2.weight", "bn2.bias", "downsample.1.bias".
std::string ConvName(const std::vector<std::string>& parts) {
  const std::string& part = parts.front();
  if (absl::StartsWith(part, "bn")) return absl::StrCat("conv", part.substr(2), ".norm.", parts.back());
  if (part != "downsample") return absl::StrCat(part, ".", parts.back());
  return absl::StrCat("shortcut.", parts[1] == "1" ? "norm." : "", parts.back());
}

std::string BodyName(const std::string& name) {
  const std::vector<std::string> parts = absl::StrSplit(name, '.');
  if (!absl::StartsWith(name, "layer")) return absl::StrCat(kBottomUp, "stem.", ConvName(parts));
  return absl::StrCat(kBottomUp, "res", FromTwo(parts[0].substr(5), 1), ".", parts[1], ".",
                      ConvName({parts.begin() + 2, parts.end()}));
}

bool AnyStarts(const std::vector<std::string>& names, const std::string& prefix) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return absl::StartsWith(name, prefix); });
}

bool AnyHas(const std::vector<std::string>& names, const std::string& part) {
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return absl::StrContains(name, part); });
}

}  // namespace

std::string Detectron2Name(const std::string& name) {
  if (absl::StartsWith(name, kBody)) return BodyName(std::string(absl::StripPrefix(name, kBody)));
  for (const auto& [torchvision, detectron2] : kHeads) {
    if (absl::StartsWith(name, torchvision))
      return absl::StrCat(detectron2, absl::StripPrefix(name, torchvision));
  }
  // "backbone.fpn.inner_blocks.0.0.weight"
  const std::vector<std::string> parts = absl::StrSplit(name, '.');
  const char* kind = parts[2] == "inner_blocks" ? "lateral" : "output";
  return absl::StrCat("backbone.fpn_", kind, FromTwo(parts[3], 0), ".", parts.back());
}

std::vector<std::string> WholeDetectron2Names(const std::vector<std::string>& file_names) {
  std::vector<std::string> names;
  for (const std::string& name : file_names) names.emplace_back(absl::StripPrefix(name, kParallel));
  const bool is_whole = AnyStarts(names, "backbone.") || AnyStarts(names, "proposal_generator.");
  for (std::string& name : names) {
    if (!is_whole) name = absl::StrCat(kBottomUp, name);
  }
  return names;
}

bool IsPassedOver(const std::string& name) {
  return absl::EndsWith(name, ".num_batches_tracked") || name == "pixel_mean" || name == "pixel_std" ||
         absl::StartsWith(name, "proposal_generator.anchor_generator.");
}

bool AreDetectron2Names(const std::vector<std::string>& file_names) {
  const std::vector<std::string> names = WholeDetectron2Names(file_names);
  return AnyStarts(names, absl::StrCat(kBottomUp, "stem.")) ||
         AnyStarts(names, absl::StrCat(kBottomUp, "res2.")) || AnyStarts(names, "proposal_generator.");
}

bool AreMmdetectionNames(const std::vector<std::string>& file_names) {
  return AnyStarts(file_names, "neck.lateral_convs.") || AnyStarts(file_names, "rpn_head.rpn_conv.") ||
         AnyStarts(file_names, "roi_head.bbox_head.");
}

absl::Status MissingDetectron2Config() {
  return absl::InvalidArgumentError(
      "this is a checkpoint of Detectron2: give its configuration with --config config.yaml, and the names "
      "of "
      "its classes with --class-names a,b,…; neither is in the file");
}

absl::Status CheckDetectron2Names(const std::vector<std::string>& file_names) {
  const std::vector<std::string> names = WholeDetectron2Names(file_names);
  struct Refused {
    bool is_here;
    const char* what;
  };
  const bool has_heads = AnyStarts(names, "proposal_generator.");
  for (const auto& [is_here, what] : {
           Refused{AnyStarts(names, "roi_heads.mask_head."), "masks (roi_heads.mask_head)"},
           Refused{AnyStarts(names, "roi_heads.keypoint_head."), "keypoints (roi_heads.keypoint_head)"},
           Refused{AnyStarts(names, "roi_heads.box_head.0."), "Cascade R-CNN (roi_heads.box_head.0)"},
           Refused{AnyHas(names, ".conv2_offset."), "deformable convolutions (conv2_offset)"},
           Refused{AnyStarts(names, "roi_heads.res5."), "C4 (roi_heads.res5)"},
           Refused{has_heads && !AnyHas(names, ".fpn_lateral"), "no FPN (C4 or DC5)"},
           Refused{AnyStarts(names, "roi_heads.box_head.conv"), "convolutions in the box head"},
       }) {
    if (!is_here) continue;
    return absl::InvalidArgumentError(absl::StrCat("the checkpoint is of a detector with ", what,
                                                   ", which isn't supported; only Faster R-CNN "
                                                   "with a ResNet and FPN is"));
  }
  return absl::OkStatus();
}

}  // namespace loupe
