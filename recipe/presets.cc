#include "recipe/presets.h"

#include <cstdint>
#include <initializer_list>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace loupe {
namespace {

using v1::Backbone;
using v1::InvertedResidual;

void SetAnchorLevels(std::initializer_list<std::initializer_list<float>> levels, v1::Detector& detector) {
  detector.clear_anchor_levels();
  for (const auto& sizes : levels) {
    detector.add_anchor_levels()->mutable_sizes()->Assign(sizes.begin(), sizes.end());
  }
}

// torchvision 0.14's defaults of `FasterRCNN`, and Loupe's for what torchvision lacks; no backbone yet.
v1::Detector Defaults() {
  v1::Detector detector;
  detector.set_fpn_channels(256);
  detector.set_resizing(v1::Detector::BILINEAR);
  detector.set_min_size(800);
  detector.set_max_size(1333);
  detector.set_size_divisible(32);
  for (const float mean : {0.485f, 0.456f, 0.406f}) detector.add_image_mean(mean);
  for (const float deviation : {0.229f, 0.224f, 0.225f}) detector.add_image_std(deviation);
  SetAnchorLevels({{32}, {64}, {128}, {256}, {512}}, detector);
  for (const float ratio : {0.5f, 1.0f, 2.0f}) detector.add_anchor_ratios(ratio);
  detector.set_anchors_rounded(true);
  detector.set_rpn_pre_nms_top_n_train(2000);
  detector.set_rpn_pre_nms_top_n_test(1000);
  detector.set_rpn_post_nms_top_n_train(2000);
  detector.set_rpn_post_nms_top_n_test(1000);
  detector.set_rpn_nms_threshold(0.7);
  detector.set_rpn_score_threshold(0);
  detector.set_rpn_min_side(0.001);
  for (const float weight : {1, 1, 1, 1}) detector.add_rpn_delta_weights(weight);
  detector.set_rpn_foreground_iou(0.7);
  detector.set_rpn_background_iou(0.3);
  detector.set_rpn_samples_per_image(256);
  detector.set_rpn_positive_fraction(0.5);
  detector.set_roi_output_size(7);
  detector.set_roi_sampling_ratio(2);
  detector.set_roi_canonical_size(224);
  detector.set_roi_level_epsilon(1e-6);
  detector.set_box_head_width(1024);
  for (const float weight : {10, 10, 5, 5}) detector.add_box_delta_weights(weight);
  detector.set_box_score_threshold(0.05);
  detector.set_box_nms_threshold(0.5);
  detector.set_box_min_side(0.01);
  detector.set_detections_per_image(100);
  detector.set_box_foreground_iou(0.5);
  detector.set_box_background_iou(0.5);
  detector.set_box_samples_per_image(512);
  detector.set_box_positive_fraction(0.25);
  detector.set_rpn_box_loss(v1::Detector::SMOOTH_L1);
  detector.set_box_loss(v1::Detector::SMOOTH_L1);
  detector.set_rpn_smooth_l1_beta(1.0 / 9);
  detector.set_box_smooth_l1_beta(1.0 / 9);
  detector.set_rpn_objectness_loss_weight(1);
  detector.set_rpn_box_loss_weight(1);
  detector.set_box_loss_weight(1);
  detector.set_ignore_overlap(0.5);
  detector.set_embedding_width(128);
  detector.set_file_names(v1::Detector::TORCHVISION);
  return detector;
}

v1::Detector ResnetFpn(Backbone::Block block, std::initializer_list<uint32_t> stage_depths) {
  v1::Detector detector = Defaults();
  Backbone& backbone = *detector.mutable_backbone();
  backbone.set_kind(Backbone::RESNET);
  backbone.set_stem_channels(64);
  backbone.set_block(block);
  backbone.set_width(64);
  backbone.set_out_channels(block == Backbone::BASIC ? 64 : 256);
  backbone.mutable_stage_depths()->Assign(stage_depths.begin(), stage_depths.end());
  return detector;
}

v1::Detector Small() {
  v1::Detector detector = ResnetFpn(Backbone::BASIC, {2, 2, 2});
  detector.set_fpn_channels(64);
  detector.set_min_size(256);
  detector.set_max_size(448);
  SetAnchorLevels({{16}, {32}, {64}, {128}}, detector);
  detector.set_rpn_pre_nms_top_n_train(1000);
  detector.set_rpn_pre_nms_top_n_test(500);
  detector.set_rpn_post_nms_top_n_train(500);
  detector.set_rpn_post_nms_top_n_test(300);
  detector.set_box_samples_per_image(128);
  detector.set_box_head_width(256);
  return detector;
}

v1::Detector Resnet18Fpn() { return ResnetFpn(Backbone::BASIC, {2, 2, 2, 2}); }
v1::Detector Resnet34Fpn() { return ResnetFpn(Backbone::BASIC, {3, 4, 6, 3}); }
v1::Detector Resnet50Fpn() { return ResnetFpn(Backbone::BOTTLENECK, {3, 4, 6, 3}); }
v1::Detector Resnet101Fpn() { return ResnetFpn(Backbone::BOTTLENECK, {3, 4, 23, 3}); }

// Rows: the fields of InvertedResidual, in their order.
struct Row {
  uint32_t in_channels, kernel_size, expanded_channels, out_channels, squeezed_channels;
  InvertedResidual::Activation activation;
  uint32_t stride;
};
constexpr auto kRelu = InvertedResidual::RELU;
constexpr auto kHardSwish = InvertedResidual::HARD_SWISH;
constexpr Row kMobilenetV3Large[] = {
    {16, 3, 16, 16, 0, kRelu, 1},           {16, 3, 64, 24, 0, kRelu, 2},
    {24, 3, 72, 24, 0, kRelu, 1},           {24, 5, 72, 40, 24, kRelu, 2},
    {40, 5, 120, 40, 32, kRelu, 1},         {40, 5, 120, 40, 32, kRelu, 1},
    {40, 3, 240, 80, 0, kHardSwish, 2},     {80, 3, 200, 80, 0, kHardSwish, 1},
    {80, 3, 184, 80, 0, kHardSwish, 1},     {80, 3, 184, 80, 0, kHardSwish, 1},
    {80, 3, 480, 112, 120, kHardSwish, 1},  {112, 3, 672, 112, 168, kHardSwish, 1},
    {112, 5, 672, 160, 168, kHardSwish, 2}, {160, 5, 960, 160, 240, kHardSwish, 1},
    {160, 5, 960, 160, 240, kHardSwish, 1},
};

void SetMobilenetV3Large(Backbone& backbone) {
  backbone.set_kind(Backbone::MOBILENET_V3);
  backbone.set_stem_channels(16);
  for (const Row& row : kMobilenetV3Large) {
    InvertedResidual& block = *backbone.add_inverted_residuals();
    block.set_in_channels(row.in_channels);
    block.set_kernel_size(row.kernel_size);
    block.set_expanded_channels(row.expanded_channels);
    block.set_out_channels(row.out_channels);
    block.set_squeezed_channels(row.squeezed_channels);
    block.set_activation(row.activation);
    block.set_stride(row.stride);
  }
  backbone.set_pyramid_block(13);
  backbone.set_last_channels(960);
}

v1::Detector MobilenetV3Large320Fpn() {
  v1::Detector detector = Defaults();
  SetMobilenetV3Large(*detector.mutable_backbone());
  detector.set_min_size(320);
  detector.set_max_size(640);
  SetAnchorLevels({{32, 64, 128, 256, 512}, {32, 64, 128, 256, 512}, {32, 64, 128, 256, 512}}, detector);
  detector.set_rpn_pre_nms_top_n_test(150);
  detector.set_rpn_post_nms_top_n_test(150);
  detector.set_rpn_score_threshold(0.05);
  return detector;
}

struct Preset {
  const char* name;
  v1::Detector (*make)();
};

constexpr Preset kPresets[] = {
    {"small", Small},
    {"resnet18-fpn", Resnet18Fpn},
    {"resnet34-fpn", Resnet34Fpn},
    {"resnet50-fpn", Resnet50Fpn},
    {"resnet101-fpn", Resnet101Fpn},
    {"mobilenet-v3-large-320-fpn", MobilenetV3Large320Fpn},
};

}  // namespace

std::vector<std::string> PresetNames() {
  std::vector<std::string> names;
  for (const Preset& preset : kPresets) names.emplace_back(preset.name);
  return names;
}

std::vector<std::string> RecipePresetNames() {
  std::vector<std::string> names = PresetNames();
  names.emplace_back(kDetectron2Preset);
  return names;
}

absl::StatusOr<v1::Detector> PresetDetector(std::string_view name) {
  for (const Preset& preset : kPresets) {
    if (name != preset.name) continue;
    v1::Detector detector = preset.make();
    detector.set_preset(preset.name);
    return detector;
  }
  return absl::InvalidArgumentError(absl::StrCat("there is no preset '", std::string(name),
                                                 "'; choose one of ", absl::StrJoin(PresetNames(), ", ")));
}

}  // namespace loupe
