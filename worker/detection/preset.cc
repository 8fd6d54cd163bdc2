#include "worker/detection/preset.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace loupe::detection {
namespace {

FasterRcnnConfig Small() {
  FasterRcnnConfig config;
  config.backbone.stage_depths = {2, 2, 2};
  config.fpn_channels = 64;
  config.min_size = 256;
  config.max_size = 448;
  config.anchor_sizes = {{16}, {32}, {64}, {128}};
  config.rpn_pre_nms_top_n_train = 1000;
  config.rpn_pre_nms_top_n_test = 500;
  config.rpn_post_nms_top_n_train = 500;
  config.rpn_post_nms_top_n_test = 300;
  config.box_samples_per_image = 128;
  config.box_head_width = 256;
  return config;
}

FasterRcnnConfig ResnetFpn(ResnetBlock block, std::vector<int> stage_depths) {
  FasterRcnnConfig config;
  config.backbone.block = block;
  config.backbone.stage_depths = std::move(stage_depths);
  return config;
}

FasterRcnnConfig MobilenetV3Large320Fpn() {
  FasterRcnnConfig config;
  config.backbone.kind = BackboneKind::kMobilenetV3Large;
  config.backbone.stage_depths.clear();
  config.min_size = 320;
  config.max_size = 640;
  config.anchor_sizes.assign(3, {32, 64, 128, 256, 512});
  config.rpn_pre_nms_top_n_test = 150;
  config.rpn_post_nms_top_n_test = 150;
  config.rpn_score_threshold = 0.05;
  return config;
}

struct Preset {
  const char* name;
  FasterRcnnConfig (*make)();
};

constexpr Preset kPresets[] = {
    {"small", Small},
    {"resnet18-fpn",
     [] {
       return ResnetFpn(ResnetBlock::kBasic, {2, 2, 2, 2});
     }},
    {"resnet34-fpn",
     [] {
       return ResnetFpn(ResnetBlock::kBasic, {3, 4, 6, 3});
     }},
    {"resnet50-fpn",
     [] {
       return ResnetFpn(ResnetBlock::kBottleneck, {3, 4, 6, 3});
     }},
    {"resnet101-fpn",
     [] {
       return ResnetFpn(ResnetBlock::kBottleneck, {3, 4, 23, 3});
     }},
    {"mobilenet-v3-large-320-fpn", MobilenetV3Large320Fpn},
};

}  // namespace

std::vector<std::string> PresetNames() {
  std::vector<std::string> names;
  for (const Preset& preset : kPresets) names.emplace_back(preset.name);
  return names;
}

absl::StatusOr<FasterRcnnConfig> PresetConfig(std::string_view name) {
  for (const Preset& preset : kPresets) {
    if (name != preset.name) continue;
    FasterRcnnConfig config = preset.make();
    config.preset = preset.name;
    return config;
  }
  return absl::InvalidArgumentError(absl::StrCat("there is no preset '", std::string(name),
                                                 "'; choose one of ", absl::StrJoin(PresetNames(), ", ")));
}

}  // namespace loupe::detection
