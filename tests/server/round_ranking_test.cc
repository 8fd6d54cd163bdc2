#include "server/round_ranking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace loupe {
namespace {

v1::ImagePrediction Predicted(int64_t image_id, const std::vector<float>& scores, float largest = 0.9F) {
  v1::ImagePrediction prediction;
  prediction.set_image_id(image_id);
  for (const float score : scores) {
    for (const float corner : {0.F, 0.F, 10.F, 10.F}) prediction.add_corners(corner);
    prediction.add_labels(1);
    prediction.add_scores(score);
    prediction.add_runner_up_labels(2);
    prediction.add_runner_up_scores(0);
    prediction.add_background_scores(1 - score);
  }
  prediction.set_max_foreground_score(largest);
  return prediction;
}

RankingInput Input(int eligible) {
  RankingInput input;
  input.recipe.set_strategy("entropy");
  input.recipe.set_budget(10);
  input.recipe.set_depth_factor(2);
  input.recipe.set_random_share(0.2);
  input.recipe.set_rare_share(0.1);
  input.recipe.set_random_blind_share(0.5);
  input.recipe.set_uncertain_blind_share(0.1);
  input.recipe.set_cost_exponent(0);
  input.seed = 5;
  input.boxes_per_class = {10, 10};
  for (int i = 1; i <= eligible; ++i) input.eligible.push_back(i);
  return input;
}

TEST(ScoringView, KeepsBoxesThatCountAndAtLeastOne) {
  EXPECT_EQ(ScoringView(Predicted(1, {0.9F, 0.06F, 0.04F, 0.02F})).boxes.size(), 2u);
  const auto low = ScoringView(Predicted(1, {0.03F, 0.02F}));
  ASSERT_EQ(low.boxes.size(), 1u);
  EXPECT_FLOAT_EQ(low.boxes[0].score, 0.03F);
  const auto none = ScoringView(Predicted(1, {}, 0.008F));
  ASSERT_EQ(none.boxes.size(), 1u);
  EXPECT_FLOAT_EQ(none.boxes[0].score, 0.008F);
  EXPECT_LT(ScoringView(Predicted(1, {}, 0.5F)).boxes[0].score, 0.05);
}

TEST(RankingPlan, FillsTheDepthWithTheSharesOfTheRecipe) {
  const RankingInput input = Input(100);
  std::vector<ranking::PredictedImage> predicted;
  for (int i = 1; i <= 100; ++i) {
    predicted.push_back(ScoringView(Predicted(i, {0.5F + 0.004F * static_cast<float>(i)})));
  }
  const auto plan = MakeRankingPlan(predicted, input);
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->entries.size(), 20u);
  EXPECT_EQ(plan->eligible_count, 100u);
  std::set<int64_t> images;
  int drawn = 0;
  for (const ranking::RankingEntry& entry : plan->entries) {
    images.insert(entry.image_id);
    if (entry.slice != ranking::Slice::kRandom) continue;
    ++drawn;
    EXPECT_DOUBLE_EQ(*entry.probability, 4.0 / 100);
  }
  EXPECT_EQ(images.size(), 20u);
  EXPECT_EQ(drawn, 4);
}

TEST(RankingPlan, WhatNoModelPredictedComesOnlyByChanceAndBlind) {
  RankingInput input = Input(100);
  std::vector<ranking::PredictedImage> predicted;
  for (int i = 1; i <= 10; ++i) predicted.push_back(ScoringView(Predicted(i, {0.5F})));
  const auto plan = MakeRankingPlan(predicted, input);
  ASSERT_TRUE(plan.ok()) << plan.status();
  for (const ranking::RankingEntry& entry : plan->entries) {
    if (entry.image_id <= 10) continue;
    EXPECT_EQ(entry.slice, ranking::Slice::kRandom);
    EXPECT_TRUE(entry.blind);
    EXPECT_FALSE(entry.score.has_value());
  }
}

TEST(RankingPlan, TheRandomStrategyDrawsEverything) {
  RankingInput input = Input(50);
  input.recipe.set_strategy("random");
  const auto plan = MakeRankingPlan({}, input);
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->entries.size(), 20u);
  for (const ranking::RankingEntry& entry : plan->entries) EXPECT_EQ(entry.slice, ranking::Slice::kRandom);
}

TEST(RankingPlan, AnUnknownStrategyIsRefused) {
  RankingInput input = Input(5);
  input.recipe.set_strategy("gut feeling");
  EXPECT_EQ(MakeRankingPlan({}, input).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(RankingSeed, DiffersByRoundAndIsRepeatable) {
  EXPECT_NE(RankingSeed(1, 1), RankingSeed(1, 2));
  EXPECT_NE(RankingSeed(1, 1), RankingSeed(2, 1));
  EXPECT_EQ(RankingSeed(3, 4), RankingSeed(3, 4));
}

}  // namespace
}  // namespace loupe
