#include "worker/detection/preset.h"

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

FasterRcnnConfig Resnet18Fpn() { return FasterRcnnConfig(); }

struct Preset {
  const char* name;
  FasterRcnnConfig (*make)();
};

constexpr Preset kPresets[] = {{"small", Small}, {"resnet18-fpn", Resnet18Fpn}};

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
