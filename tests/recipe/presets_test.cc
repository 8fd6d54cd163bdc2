// The presets against the numbers of torchvision 0.14's documentation and builders, written out by hand.
#include "recipe/presets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace loupe {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::Detector PresetOf(const std::string& preset) {
  const auto detector = PresetDetector(preset);
  EXPECT_TRUE(detector.ok()) << detector.status();
  return detector.ok() ? *detector : v1::Detector();
}

std::vector<std::vector<float>> AnchorSizes(const v1::Detector& detector) {
  std::vector<std::vector<float>> sizes;
  for (const auto& level : detector.anchor_levels())
    sizes.emplace_back(level.sizes().begin(), level.sizes().end());
  return sizes;
}

TEST(PresetsTest, KnowsItsNamesAndRefusesOthers) {
  EXPECT_THAT(PresetNames(), ElementsAre("small", "resnet18-fpn", "resnet34-fpn", "resnet50-fpn",
                                         "resnet101-fpn", "mobilenet-v3-large-320-fpn"));
  for (const std::string& name : PresetNames()) EXPECT_EQ(PresetOf(name).preset(), name);
  const absl::Status unknown = PresetDetector("resnet5").status();
  EXPECT_EQ(unknown.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("small, resnet18-fpn"));
}

TEST(PresetsTest, ResnetsHaveTorchvisionsDefaults) {
  for (const char* preset : {"resnet18-fpn", "resnet34-fpn", "resnet50-fpn", "resnet101-fpn"}) {
    SCOPED_TRACE(preset);
    const v1::Detector detector = PresetOf(preset);
    EXPECT_EQ(detector.fpn_channels(), 256u);
    EXPECT_EQ(detector.min_size(), 800u);
    EXPECT_EQ(detector.max_size(), 1333u);
    EXPECT_EQ(detector.size_divisible(), 32u);
    EXPECT_THAT(detector.image_mean(), ElementsAre(0.485f, 0.456f, 0.406f));
    EXPECT_THAT(detector.image_std(), ElementsAre(0.229f, 0.224f, 0.225f));
    EXPECT_EQ(AnchorSizes(detector), (std::vector<std::vector<float>>{{32}, {64}, {128}, {256}, {512}}));
    EXPECT_THAT(detector.anchor_ratios(), ElementsAre(0.5f, 1.0f, 2.0f));
    EXPECT_EQ(detector.rpn_pre_nms_top_n_train(), 2000u);
    EXPECT_EQ(detector.rpn_pre_nms_top_n_test(), 1000u);
    EXPECT_EQ(detector.rpn_post_nms_top_n_train(), 2000u);
    EXPECT_EQ(detector.rpn_post_nms_top_n_test(), 1000u);
    EXPECT_EQ(detector.rpn_nms_threshold(), 0.7);
    EXPECT_EQ(detector.rpn_score_threshold(), 0.0);
    EXPECT_EQ(detector.rpn_foreground_iou(), 0.7);
    EXPECT_EQ(detector.rpn_background_iou(), 0.3);
    EXPECT_EQ(detector.rpn_samples_per_image(), 256u);
    EXPECT_EQ(detector.rpn_positive_fraction(), 0.5);
    EXPECT_EQ(detector.roi_output_size(), 7u);
    EXPECT_EQ(detector.roi_sampling_ratio(), 2u);
    EXPECT_EQ(detector.roi_canonical_size(), 224u);
    EXPECT_EQ(detector.box_head_width(), 1024u);
    EXPECT_EQ(detector.box_foreground_iou(), 0.5);
    EXPECT_EQ(detector.box_background_iou(), 0.5);
    EXPECT_EQ(detector.box_samples_per_image(), 512u);
    EXPECT_EQ(detector.box_positive_fraction(), 0.25);
    EXPECT_EQ(detector.ignore_overlap(), 0.5);
    EXPECT_EQ(detector.embedding_width(), 128u);
    EXPECT_EQ(detector.backbone().kind(), v1::Backbone::RESNET);
    EXPECT_EQ(detector.backbone().stem_channels(), 64u);
  }
}

TEST(PresetsTest, ResnetsDifferInTheirBlocks) {
  const auto backbone = [](const char* preset) { return PresetOf(preset).backbone(); };
  EXPECT_EQ(backbone("resnet18-fpn").block(), v1::Backbone::BASIC);
  EXPECT_THAT(backbone("resnet18-fpn").stage_depths(), ElementsAre(2, 2, 2, 2));
  EXPECT_EQ(backbone("resnet34-fpn").block(), v1::Backbone::BASIC);
  EXPECT_THAT(backbone("resnet34-fpn").stage_depths(), ElementsAre(3, 4, 6, 3));
  EXPECT_EQ(backbone("resnet50-fpn").block(), v1::Backbone::BOTTLENECK);
  EXPECT_THAT(backbone("resnet50-fpn").stage_depths(), ElementsAre(3, 4, 6, 3));
  EXPECT_EQ(backbone("resnet101-fpn").block(), v1::Backbone::BOTTLENECK);
  EXPECT_THAT(backbone("resnet101-fpn").stage_depths(), ElementsAre(3, 4, 23, 3));
}

TEST(PresetsTest, SmallIsForSmallPicturesOnACpu) {
  const v1::Detector detector = PresetOf("small");
  EXPECT_EQ(detector.backbone().kind(), v1::Backbone::RESNET);
  EXPECT_EQ(detector.backbone().block(), v1::Backbone::BASIC);
  EXPECT_THAT(detector.backbone().stage_depths(), ElementsAre(2, 2, 2));
  EXPECT_EQ(detector.fpn_channels(), 64u);
  EXPECT_EQ(detector.min_size(), 256u);
  EXPECT_EQ(detector.max_size(), 448u);
  EXPECT_EQ(AnchorSizes(detector), (std::vector<std::vector<float>>{{16}, {32}, {64}, {128}}));
  EXPECT_EQ(detector.rpn_pre_nms_top_n_train(), 1000u);
  EXPECT_EQ(detector.rpn_pre_nms_top_n_test(), 500u);
  EXPECT_EQ(detector.rpn_post_nms_top_n_train(), 500u);
  EXPECT_EQ(detector.rpn_post_nms_top_n_test(), 300u);
  EXPECT_EQ(detector.box_samples_per_image(), 128u);
  EXPECT_EQ(detector.box_head_width(), 256u);
  EXPECT_EQ(detector.rpn_samples_per_image(), 256u) << "torchvision's";
}

TEST(PresetsTest, MobilenetIsTorchvisionsWith320Pixels) {
  const v1::Detector detector = PresetOf("mobilenet-v3-large-320-fpn");
  EXPECT_EQ(detector.min_size(), 320u);
  EXPECT_EQ(detector.max_size(), 640u);
  EXPECT_THAT(AnchorSizes(detector), Each(ElementsAre(32, 64, 128, 256, 512)));
  EXPECT_EQ(detector.anchor_levels_size(), 3);
  EXPECT_EQ(detector.rpn_pre_nms_top_n_test(), 150u);
  EXPECT_EQ(detector.rpn_post_nms_top_n_test(), 150u);
  EXPECT_EQ(detector.rpn_pre_nms_top_n_train(), 2000u);
  EXPECT_EQ(detector.rpn_score_threshold(), 0.05);
  EXPECT_EQ(detector.fpn_channels(), 256u);
  EXPECT_EQ(detector.box_head_width(), 1024u);
}

// Howard et al. 2019, table 1: kernel, expansion, channels out, squeeze-and-excitation, activation, stride.
TEST(PresetsTest, MobilenetsBlocksAreThePapers) {
  const v1::Backbone backbone = PresetOf("mobilenet-v3-large-320-fpn").backbone();
  EXPECT_EQ(backbone.kind(), v1::Backbone::MOBILENET_V3);
  EXPECT_THAT(backbone.stage_depths(), IsEmpty());
  EXPECT_EQ(backbone.stem_channels(), 16u);
  EXPECT_EQ(backbone.last_channels(), 960u);
  EXPECT_EQ(backbone.pyramid_block(), 13u) << "the last block with a stride";
  std::vector<uint32_t> kernels, expanded, out, squeezed, strides;
  uint32_t in_channels = 16;
  for (const v1::InvertedResidual& block : backbone.inverted_residuals()) {
    EXPECT_EQ(block.in_channels(), in_channels) << "the output of the block before";
    in_channels = block.out_channels();
    kernels.push_back(block.kernel_size());
    expanded.push_back(block.expanded_channels());
    out.push_back(block.out_channels());
    squeezed.push_back(block.squeezed_channels());
    strides.push_back(block.stride());
    const bool early = kernels.size() <= 6;
    EXPECT_EQ(block.activation(), early ? v1::InvertedResidual::RELU : v1::InvertedResidual::HARD_SWISH);
  }
  EXPECT_THAT(kernels, ElementsAre(3, 3, 3, 5, 5, 5, 3, 3, 3, 3, 3, 3, 5, 5, 5));
  EXPECT_THAT(expanded, ElementsAre(16, 64, 72, 72, 120, 120, 240, 200, 184, 184, 480, 672, 672, 960, 960));
  EXPECT_THAT(out, ElementsAre(16, 24, 24, 40, 40, 40, 80, 80, 80, 80, 112, 112, 160, 160, 160));
  // A quarter of the expanded channels; 18 and 30 are rounded to 24 and 32, multiples of 8.
  EXPECT_THAT(squeezed, ElementsAre(0, 0, 0, 24, 32, 32, 0, 0, 0, 0, 120, 168, 168, 240, 240));
  EXPECT_THAT(strides, ElementsAre(1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1));
}

}  // namespace
}  // namespace loupe
