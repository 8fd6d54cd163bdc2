#include "server/rounds/round_ranking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace loupe {
namespace {

using Orders = std::vector<ranking::DiverseOrder>;

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
  input.recipe.set_box_to_image("sum");
  input.seed = 5;
  input.boxes_per_class = {10, 10};
  for (int i = 1; i <= eligible; ++i) input.eligible.push_back(i);
  return input;
}

ranking::ScoredPool Scored(const std::vector<v1::ImagePrediction>& predictions, const RankingInput& input) {
  ranking::PoolScorer scorer(ScoringOptionsOf(input).value());
  for (const v1::ImagePrediction& prediction : predictions) scorer.Add(ScoringView(prediction));
  return std::move(scorer).Finish();
}

absl::StatusOr<ranking::RankingPlan> Plan(const ranking::ScoredPool& pool, const RankingInput& input) {
  absl::StatusOr<ranking::RankingDraft> draft = DraftRanking(pool, input);
  if (!draft.ok()) return draft.status();
  return (*std::move(draft)).Finish({});
}

// An image with one expected box counts by the second: 2 + 4 s at first, then what people really took.
TEST(ScoringOptions, CostIsThatOfTheProjectsPeople) {
  RankingInput input = Input(1);
  input.recipe.set_cost_exponent(1);
  const std::vector<v1::ImagePrediction> predictions = {Predicted(1, {0.5F, 0.5F})};
  const double guessed = Scored(predictions, input).scored.at(0).score.value();
  input.task_times = {.per_image = 1, .per_box = 11};
  EXPECT_NEAR(Scored(predictions, input).scored.at(0).score.value(), guessed * (2 + 4) / (1 + 11), 1e-9);
}

TEST(ScoringView, KeepsWhatScoringNeeds) {
  v1::ImagePrediction prediction = Predicted(7, {0.9F, 0.02F}, 0.95F);
  prediction.add_agreements(0.5F);
  prediction.add_agreements(0.25F);
  const ranking::PredictedImage image = ScoringView(prediction);
  EXPECT_EQ(image.image_id, 7);
  EXPECT_FLOAT_EQ(image.largest_foreground, 0.95F);
  ASSERT_EQ(image.boxes.size(), 2u);
  EXPECT_EQ(image.boxes[0].class_index, 0u);
  EXPECT_FLOAT_EQ(image.boxes[0].background, 0.1F);
  EXPECT_EQ(image.boxes[1].agreement, 0.25);
  EXPECT_EQ(ScoringView(Predicted(1, {0.5F})).boxes[0].agreement, std::nullopt);
}

TEST(ScoringOptions, ComeFromRecipeLabelsAndCalibration) {
  RankingInput input = Input(5);
  input.boxes_per_class = {100, 1};
  EXPECT_TRUE(ScoringOptionsOf(input)->class_weights.empty());
  input.recipe.set_class_weights(true);
  v1::ClassCalibration* platt = input.calibration.add_classes();
  platt->set_kind("platt");
  platt->set_slope(2);
  const auto options = ScoringOptionsOf(input);
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->class_weights.size(), 2u);
  EXPECT_GT(options->class_weights[1], options->class_weights[0]);
  EXPECT_EQ(options->rare_classes, (std::vector<bool>{false, true}));
  EXPECT_EQ(options->box_to_image, ranking::BoxToImage::kSum);
  input.recipe.set_box_to_image("max");
  EXPECT_EQ(ScoringOptionsOf(input)->box_to_image, ranking::BoxToImage::kMax);
  input.recipe.set_box_to_image("median");
  EXPECT_EQ(ScoringOptionsOf(input).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NEAR(ranking::Calibrated(options->calibrations.at(0), 0.75), 0.9, 1e-9);  // odds of 3 squared
}

TEST(RankingPlan, FillsTheDepthWithTheSharesOfTheRecipe) {
  const RankingInput input = Input(100);
  std::vector<v1::ImagePrediction> predicted;
  for (int i = 1; i <= 100; ++i) predicted.push_back(Predicted(i, {0.5F + 0.004F * static_cast<float>(i)}));
  const auto plan = Plan(Scored(predicted, input), input);
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
  std::vector<v1::ImagePrediction> predicted;
  for (int i = 1; i <= 10; ++i) predicted.push_back(Predicted(i, {0.5F}));
  const auto plan = Plan(Scored(predicted, input), input);
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
  const auto plan = Plan({}, input);
  ASSERT_TRUE(plan.ok()) << plan.status();
  ASSERT_EQ(plan->entries.size(), 20u);
  for (const ranking::RankingEntry& entry : plan->entries) EXPECT_EQ(entry.slice, ranking::Slice::kRandom);
}

TEST(RankingPlan, DiversityChoosesFromFourForEachPlaceAndKnowsTheOtherSlices) {
  RankingInput input = Input(100);
  input.recipe.set_diversity(true);
  std::vector<v1::ImagePrediction> predicted;
  for (int i = 1; i <= 100; ++i) predicted.push_back(Predicted(i, {0.5F + 0.004F * static_cast<float>(i)}));
  absl::StatusOr<ranking::RankingDraft> draft = DraftRanking(Scored(predicted, input), input);
  ASSERT_TRUE(draft.ok()) << draft.status();
  const ranking::DiversityRequest asked = draft->ForDiversity();
  // The rest follows by score.
  const ranking::RankingPlan plan = (*std::move(draft)).Finish(Orders{{.first = {27, 5}, .last = {0}}});
  ASSERT_EQ(asked.groups.size(), 1u) << "without class weights there is one";
  const auto& [best, scores, count] = asked.groups[0];
  ASSERT_EQ(best.size(), 32u);
  EXPECT_EQ(count, 8u) << "two of ten are random, and no image is empty or shows a rare class";
  EXPECT_EQ(asked.served.size(), 2u);
  EXPECT_TRUE(std::is_sorted(scores.rbegin(), scores.rend()));
  std::vector<int64_t> uncertain;
  for (const ranking::RankingEntry& entry : plan.entries) {
    if (entry.slice == ranking::Slice::kUncertain) uncertain.push_back(entry.image_id);
  }
  ASSERT_EQ(uncertain.size(), 16u);
  EXPECT_EQ(uncertain[0], best[27]);
  EXPECT_EQ(uncertain[1], best[5]);
  EXPECT_EQ(uncertain[2], best[1]);
  EXPECT_EQ(uncertain[7], best[7]) << "the sixth best came before";
  EXPECT_THAT(uncertain, testing::Not(testing::Contains(best[0])))
      << "after all others, also those not asked about";
}

TEST(RankingPlan, WithClassWeightsDiversityChoosesClassByClass) {
  RankingInput input = Input(100);
  input.recipe.set_diversity(true);
  input.recipe.set_class_weights(true);
  input.boxes_per_class = {31, 7};  // weights of sqrt(20 / 32) and sqrt(20 / 8), one twice the other
  std::vector<v1::ImagePrediction> predicted;
  for (int i = 1; i <= 100; ++i) {
    predicted.push_back(Predicted(i, {0.5F + 0.004F * static_cast<float>(i)}));
    if (i % 4 == 0) predicted.back().set_labels(0, 2);
  }
  absl::StatusOr<ranking::RankingDraft> draft = DraftRanking(Scored(predicted, input), input);
  ASSERT_TRUE(draft.ok()) << draft.status();
  const ranking::DiversityRequest asked = draft->ForDiversity();
  const ranking::RankingPlan plan = (*std::move(draft)).Finish(Orders{{}, {.first = {3}, .last = {}}});
  ASSERT_EQ(asked.groups.size(), 2u);
  EXPECT_EQ(asked.groups[0].count, 2u);
  EXPECT_EQ(asked.groups[0].best.size(), 8u);
  EXPECT_EQ(asked.groups[1].count, 5u);
  for (const int64_t image : asked.groups[0].best) EXPECT_NE(image % 4, 0);
  for (const int64_t image : asked.groups[1].best) EXPECT_EQ(image % 4, 0);
  std::vector<int64_t> uncertain;
  for (const ranking::RankingEntry& entry : plan.entries) {
    if (entry.slice == ranking::Slice::kUncertain) uncertain.push_back(entry.image_id);
  }
  EXPECT_EQ(uncertain[0], asked.groups[1].best[3])
      << "what diversity chose, and the class of fewer boxes first";
}

TEST(RankingPlan, WithoutImagesThereIsNothingToChooseFrom) {
  RankingInput input = Input(0);
  input.recipe.set_diversity(true);
  absl::StatusOr<ranking::RankingDraft> draft = DraftRanking({}, input);
  ASSERT_TRUE(draft.ok()) << draft.status();
  EXPECT_TRUE(draft->ForDiversity().groups.empty());
  EXPECT_TRUE((*std::move(draft)).Finish({}).entries.empty());
}

TEST(RankingPlan, AnUnknownStrategyIsRefused) {
  RankingInput input = Input(5);
  input.recipe.set_strategy("gut feeling");
  EXPECT_EQ(Plan({}, input).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(RankingSeed, DiffersByRoundAndIsRepeatable) {
  EXPECT_NE(RankingSeed(1, 1), RankingSeed(1, 2));
  EXPECT_NE(RankingSeed(1, 1), RankingSeed(2, 1));
  EXPECT_EQ(RankingSeed(3, 4), RankingSeed(3, 4));
}

}  // namespace
}  // namespace loupe
