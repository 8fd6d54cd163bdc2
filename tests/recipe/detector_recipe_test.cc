// What a recipe changes of a detector.
#include "recipe/detector_recipe.h"

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include "recipe/detector_metadata.h"
#include "recipe/presets.h"

namespace loupe {
namespace {

using ::google::protobuf::util::MessageDifferencer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

v1::DetectorRecipe RecipeWith(const std::string& overrides) {
  v1::DetectorRecipe recipe;
  recipe.set_preset("small");
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(overrides, recipe.mutable_overrides()))
      << overrides;
  return recipe;
}

std::map<std::string, std::string> MetadataOf(const v1::Detector& detector) {
  return {{kPresetKey, detector.preset()}, {kDetectorKey, DetectorText(detector)}};
}

std::string OverrideError(const std::string& overrides) {
  const auto detector = DetectorOfRecipe(RecipeWith(overrides), {});
  EXPECT_FALSE(detector.ok()) << overrides;
  return std::string(detector.status().message());
}

TEST(DetectorRecipe, WithoutOverridesItIsThePreset) {
  v1::DetectorRecipe recipe;
  recipe.set_preset("small");
  const auto detector = DetectorOfRecipe(recipe, {});
  ASSERT_TRUE(detector.ok()) << detector.status();
  EXPECT_TRUE(MessageDifferencer::Equals(*detector, PresetDetector("small").value()));
}

TEST(DetectorRecipe, OverridesChangeWhatTheyNameAndNothingElse) {
  const auto detector =
      DetectorOfRecipe(RecipeWith("anchors_rounded: false anchor_ratios: [0.2, 5] rpn_score_threshold: 0 "
                                  "backbone { stage_depths: [3, 4, 6] }"),
                       {});
  ASSERT_TRUE(detector.ok()) << detector.status();
  v1::Detector expected = PresetDetector("small").value();
  EXPECT_TRUE(expected.anchors_rounded());
  expected.set_anchors_rounded(false);
  expected.clear_anchor_ratios();
  expected.add_anchor_ratios(0.2F);
  expected.add_anchor_ratios(5);
  expected.mutable_backbone()->clear_stage_depths();
  for (const uint32_t depth : {3, 4, 6}) expected.mutable_backbone()->add_stage_depths(depth);
  EXPECT_TRUE(MessageDifferencer::Equals(*detector, expected)) << detector->DebugString();
}

TEST(DetectorRecipe, AModelKeepsWhatItWasTrainedWith) {
  const v1::Detector trained =
      DetectorOfRecipe(RecipeWith("anchor_ratios: [0.2, 1, 5] box_nms_threshold: 0.3"), {}).value();
  const auto again = DetectorOfRecipe(RecipeWith("box_nms_threshold: 0.4"), MetadataOf(trained));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_THAT(again->anchor_ratios(), ElementsAre(0.2F, 1, 5));
  EXPECT_EQ(again->box_nms_threshold(), 0.4);
  // As another preset's, for example to take its backbone, it is that preset.
  v1::DetectorRecipe other;
  other.set_preset("resnet18-fpn");
  EXPECT_THAT(DetectorOfRecipe(other, MetadataOf(trained))->anchor_ratios(), ElementsAre(0.5F, 1, 2));
}

TEST(DetectorRecipe, WhatMakesNoDetectorIsNamed) {
  EXPECT_THAT(OverrideError("fpn_channels: 0"), HasSubstr("fpn_channels is 0: it must be from 1 to 8192"));
  EXPECT_THAT(OverrideError("detections_per_image: 1000001"),
              HasSubstr("is 1000001: it must be from 1 to 1000000"));
  EXPECT_THAT(OverrideError("rpn_box_loss: 7"), HasSubstr("losses must be SMOOTH_L1, GIOU, DIOU or CIOU"));
  EXPECT_THAT(OverrideError("box_nms_threshold: nan"), HasSubstr("box_nms_threshold is nan"));
  EXPECT_THAT(OverrideError("anchor_levels { sizes: 8 }"), HasSubstr("one for each pyramid level"));
  EXPECT_THAT(OverrideError("box_head_width: 8192 fpn_channels: 8192 roi_output_size: 64"),
              HasSubstr("number of weights"));
}

TEST(DetectorRecipe, WhatIsSaidElsewhereIsNoOverride) {
  for (const char* overrides : {"preset: 'small'", "min_size: 300", "max_size: 300", "file_bgr: true",
                                "file_background_last: false", "file_names: DETECTRON2"}) {
    EXPECT_THAT(std::string(CheckOverrides(RecipeWith(overrides).overrides()).message()),
                HasSubstr("can't be overridden"))
        << overrides;
  }
  EXPECT_TRUE(CheckOverrides(RecipeWith("fpn_channels: 32").overrides()).ok());
}

}  // namespace
}  // namespace loupe
