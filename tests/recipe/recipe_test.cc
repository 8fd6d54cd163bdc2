#include "recipe/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "recipe/presets.h"
#include "recipe/strategies.h"

namespace loupe {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string ErrorOf(std::string_view text) {
  const auto recipe = ParseRecipe(text);
  EXPECT_FALSE(recipe.ok()) << text;
  return recipe.ok() ? "" : std::string(recipe.status().message());
}

TEST(Recipe, EmptyTextIsTheDefaultRecipe) {
  const auto recipe = ParseRecipe("");
  ASSERT_TRUE(recipe.ok()) << recipe.status();
  EXPECT_EQ(recipe->detector().preset(), "small");
  EXPECT_EQ(recipe->training().optimizer(), v1::TrainingRecipe::ADAMW);
  EXPECT_EQ(recipe->training().iterations(), 400u);
  EXPECT_EQ(recipe->training().warmup_iterations(), 100u);
  EXPECT_DOUBLE_EQ(recipe->training().learning_rate(), 1e-3);
  EXPECT_DOUBLE_EQ(recipe->ranking().random_share(), 0.2);
  EXPECT_EQ(recipe->seed(), 1u);
}

TEST(Recipe, AStoredRecipeIsTakenAsItWasResolved) {
  const auto stored = ParseStoredRecipe(
      "training { iterations: 2000000000 later: 3 } ranking { random_share: 1.5 } of_another_release { x: 1 "
      "}");
  ASSERT_TRUE(stored.ok()) << stored.status();
  EXPECT_EQ(stored->training().iterations(), 2000000000U);
  EXPECT_DOUBLE_EQ(stored->ranking().random_share(), 1.5);
  EXPECT_TRUE(stored->training().has_learning_rate()) << "a field that the other release didn't have";
  EXPECT_EQ(ParseStoredRecipe("training {").status().code(), absl::StatusCode::kInternal);
}

TEST(Recipe, DefaultsFollowTheOptimizerAndTheLength) {
  const auto recipe = ParseRecipe("training { optimizer: SGD iterations: 40 }");
  ASSERT_TRUE(recipe.ok()) << recipe.status();
  EXPECT_DOUBLE_EQ(recipe->training().learning_rate(), 0.02);
  EXPECT_DOUBLE_EQ(recipe->training().weight_decay(), 1e-4);
  EXPECT_EQ(recipe->training().warmup_iterations(), 10u);
}

TEST(Recipe, ZeroIsAValueAndNotTheDefault) {
  const auto recipe =
      ParseRecipe("training { clip_norm: 0 flip_vertical: 0 } ranking { random_share: 0 } seed: 0");
  ASSERT_TRUE(recipe.ok()) << recipe.status();
  EXPECT_EQ(recipe->training().clip_norm(), 0);
  EXPECT_EQ(recipe->training().flip_vertical(), 0);
  EXPECT_EQ(recipe->ranking().random_share(), 0);
  EXPECT_EQ(recipe->seed(), 0u);
}

TEST(Recipe, TextWithEveryDefaultReadsBackTheSame) {
  const auto recipe = ParseRecipe("training { decay_at: 0.5 }");
  ASSERT_TRUE(recipe.ok());
  const auto again = ParseRecipe(RecipeText(*recipe));
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(RecipeText(*again), RecipeText(*recipe));
}

TEST(Recipe, UnknownFieldIsNamedWithItsPlace) {
  EXPECT_THAT(ErrorOf("seed: 3\ntraining {\n  epochs: 5\n}"),
              AllOf(HasSubstr("line 3"), HasSubstr("epochs")));
}

TEST(Recipe, WrongTypeIsNamedWithItsPlace) { EXPECT_THAT(ErrorOf("seed: many"), HasSubstr("line 1")); }

TEST(Recipe, OverridesAreCheckedWithThePresetAndKept) {
  EXPECT_THAT(ErrorOf("detector {\n overrides { anchor_ratioz: 1 } }"),
              AllOf(HasSubstr("line 2"), HasSubstr("anchor_ratioz")));
  EXPECT_THAT(ErrorOf("detector { overrides { fpn_channels: 0 } }"),
              HasSubstr("detector.overrides: the detector's fpn_channels is 0"));
  EXPECT_THAT(ErrorOf("detector { overrides { min_size: 100 } }"), HasSubstr("give detector.min_size"));
  // Only with init_model is it known what they change.
  EXPECT_TRUE(ParseRecipe("detector { init_model: 'a' overrides { fpn_channels: 0 } }").ok());
  const auto recipe =
      ParseRecipe("detector { overrides { anchors_rounded: false anchor_ratios: [0.3, 3] } }");
  ASSERT_TRUE(recipe.ok()) << recipe.status();
  const auto stored = ParseStoredRecipe(RecipeText(*recipe));
  ASSERT_TRUE(stored.ok());
  EXPECT_TRUE(stored->detector().overrides().has_anchors_rounded());
  EXPECT_EQ(stored->detector().overrides().anchor_ratios_size(), 2);
}

TEST(Recipe, EveryFieldOutOfRangeIsListed) {
  const std::string error =
      ErrorOf("detector { preset: \"yolo\" } training { iterations: 0 batch_size: 300 learning_rate: nan }");
  EXPECT_THAT(error,
              AllOf(HasSubstr("detector.preset is \"yolo\""), HasSubstr("training.iterations is 0"),
                    HasSubstr("training.batch_size is 300"), HasSubstr("training.learning_rate is nan")));
}

TEST(Recipe, SharesMayNotExceedTheWhole) {
  EXPECT_THAT(ErrorOf("ranking { strategy: \"consistency\" } prediction { mirrored: false }"),
              HasSubstr("needs prediction.mirrored"));
  EXPECT_THAT(ErrorOf("ranking { random_share: 0.7 rare_share: 0.4 }"), HasSubstr("add up to more than 1"));
}

TEST(Recipe, SizesOfTheWrongOrderAreRefused) {
  EXPECT_THAT(ErrorOf("detector { min_size: 300 max_size: 200 }"), HasSubstr("below detector.min_size"));
}

// What a recipe doesn't ask for changes neither pictures nor weights nor the set of images.
TEST(Recipe, WhatIsNotAskedForIsOff) {
  const auto recipe = ParseRecipe("");
  ASSERT_TRUE(recipe.ok()) << recipe.status();
  const v1::TrainingRecipe& training = recipe->training();
  EXPECT_EQ(training.schedule(), v1::TrainingRecipe::STEPS);
  EXPECT_EQ(training.scale_min(), 1);
  EXPECT_EQ(training.scale_max(), 1);
  EXPECT_EQ(training.crop_chance(), 0);
  EXPECT_EQ(training.colour_jitter(), 0);
  EXPECT_EQ(training.hue_jitter(), 0);
  EXPECT_EQ(training.ema_decay(), 0);
  EXPECT_EQ(training.accumulation_steps(), 1u);
  EXPECT_EQ(training.validation_share(), 0);
  EXPECT_EQ(recipe->detector().init_shrink(), 1);
  EXPECT_EQ(recipe->detector().init_perturb(), 0);
}

TEST(Recipe, EveryTrainingFieldHasARange) {
  for (const std::string field :
       {"final_factor: 1.5", "scale_min: 0.05", "scale_max: 0.9", "crop_chance: -0.1", "crop_min_side: 0",
        "min_box_share: 0", "colour_jitter: 1", "hue_jitter: 0.6", "ema_decay: 1", "accumulation_steps: 0",
        "validation_share: 0.6", "validation_interval: 0", "momentum: 1"}) {
    const std::string name = field.substr(0, field.find(':'));
    EXPECT_THAT(ErrorOf("training { " + field + " }"), HasSubstr("training." + name + " is ")) << field;
  }
  EXPECT_THAT(ErrorOf("detector { init_shrink: 0 }"), HasSubstr("detector.init_shrink is 0"));
  EXPECT_THAT(ErrorOf("detector { init_perturb: 2 }"), HasSubstr("detector.init_perturb is 2"));
}

TEST(Recipe, StepsOfDecayDoNotGoWithACosine) {
  EXPECT_THAT(ErrorOf("training { schedule: COSINE decay_at: 0.5 }"),
              HasSubstr("decay_at belongs to schedule STEPS"));
  const auto recipe = ParseRecipe("training { schedule: COSINE }");
  ASSERT_TRUE(recipe.ok()) << recipe.status();
  EXPECT_TRUE(recipe->training().decay_at().empty());
  EXPECT_DOUBLE_EQ(recipe->training().final_factor(), 0.01);
  EXPECT_TRUE(ParseRecipe(RecipeText(*recipe)).ok());
}

TEST(Recipe, DecayMustIncrease) {
  EXPECT_THAT(ErrorOf("training { decay_at: 0.9 decay_at: 0.5 }"), HasSubstr("training.decay_at"));
}

TEST(Recipe, PrecisionIsOneOfTwo) {
  EXPECT_EQ(ParseRecipe("")->prediction().precision(), "float32");
  EXPECT_EQ(ParseRecipe("")->training().precision(), "float32");
  EXPECT_EQ(ParseRecipe("prediction { precision: \"bfloat16\" }")->prediction().precision(), "bfloat16");
  EXPECT_THAT(ErrorOf("prediction { precision: \"int8\" } training { precision: \"float16\" }"),
              AllOf(HasSubstr("prediction.precision is \"int8\""),
                    HasSubstr("training.precision is \"float16\""), HasSubstr("float32, bfloat16")));
}

TEST(Recipe, TakesEveryPresetAndStrategyByName) {
  for (const std::string& preset : PresetNames()) {
    EXPECT_TRUE(ParseRecipe("detector { preset: \"" + preset + "\" }").ok()) << preset;
  }
  for (const std::string strategy : kStrategyNames) {
    EXPECT_TRUE(ParseRecipe("ranking { strategy: \"" + strategy + "\" }").ok()) << strategy;
  }
  EXPECT_THAT(ErrorOf("ranking { strategy: \"entropie\" }"), HasSubstr("entropy, margin, least_confidence"));
}

TEST(RecipeTest, DiversityAndClassWeightsBelongToCombined) {
  const auto combined = ParseRecipe("ranking { strategy: \"combined\" }");
  EXPECT_TRUE(combined->ranking().diversity());
  EXPECT_EQ(combined->ranking().box_to_image(), "sum");
  EXPECT_TRUE(combined->ranking().class_weights());
  const auto entropy = ParseRecipe("ranking { strategy: \"entropy\" class_weights: true }");
  EXPECT_FALSE(entropy->ranking().diversity());
  EXPECT_TRUE(entropy->ranking().class_weights());
  EXPECT_FALSE(ParseRecipe("")->ranking().has_diversity()) << "the project's strategy decides";
}

}  // namespace
}  // namespace loupe
