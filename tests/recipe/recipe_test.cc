#include "recipe/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

TEST(Recipe, DefaultsFollowTheOptimizerAndTheLength) {
  const auto recipe = ParseRecipe("training { optimizer: SGD iterations: 40 }");
  ASSERT_TRUE(recipe.ok()) << recipe.status();
  EXPECT_DOUBLE_EQ(recipe->training().learning_rate(), 0.02);
  EXPECT_DOUBLE_EQ(recipe->training().weight_decay(), 1e-4);
  EXPECT_EQ(recipe->training().warmup_iterations(), 10u);
}

TEST(Recipe, ZeroIsAValueAndNotTheDefault) {
  const auto recipe = ParseRecipe("training { clip_norm: 0 flip_vertical: 0 } ranking { random_share: 0 } seed: 0");
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
  EXPECT_THAT(ErrorOf("seed: 3\ntraining {\n  epochs: 5\n}"), AllOf(HasSubstr("line 3"), HasSubstr("epochs")));
}

TEST(Recipe, WrongTypeIsNamedWithItsPlace) { EXPECT_THAT(ErrorOf("seed: many"), HasSubstr("line 1")); }

TEST(Recipe, EveryFieldOutOfRangeIsListed) {
  const std::string error =
      ErrorOf("detector { preset: \"yolo\" } training { iterations: 0 batch_size: 300 learning_rate: nan }");
  EXPECT_THAT(error, AllOf(HasSubstr("detector.preset is \"yolo\""), HasSubstr("training.iterations is 0"),
                           HasSubstr("training.batch_size is 300"), HasSubstr("training.learning_rate is nan")));
}

TEST(Recipe, SharesMayNotExceedTheWhole) {
  EXPECT_THAT(ErrorOf("ranking { random_share: 0.7 rare_share: 0.4 }"), HasSubstr("add up to more than 1"));
}

TEST(Recipe, SizesOfTheWrongOrderAreRefused) {
  EXPECT_THAT(ErrorOf("detector { min_size: 300 max_size: 200 }"), HasSubstr("below detector.min_size"));
}

TEST(Recipe, DecayMustIncrease) {
  EXPECT_THAT(ErrorOf("training { decay_at: 0.9 decay_at: 0.5 }"), HasSubstr("training.decay_at"));
}

}  // namespace
}  // namespace loupe
