#include "server/rounds/round_evaluation.h"

#include <gtest/gtest.h>

namespace loupe {
namespace {

v1::LabelBox Truth(float x1, float y1, float x2, float y2, uint32_t label, bool ignore = false) {
  v1::LabelBox box;
  box.mutable_box()->set_x1(x1);
  box.mutable_box()->set_y1(y1);
  box.mutable_box()->set_x2(x2);
  box.mutable_box()->set_y2(y2);
  box.set_label(label);
  box.set_ignore(ignore);
  return box;
}

void Detect(v1::ImagePrediction& prediction, float x1, float y1, float x2, float y2, uint32_t label,
            float score) {
  for (const float corner : {x1, y1, x2, y2}) prediction.add_corners(corner);
  prediction.add_labels(label);
  prediction.add_scores(score);
}

// `count` images with one box of class 1 each, found by the model in the first `found` of them.
std::vector<JudgedImage> Images(int count) {
  std::vector<JudgedImage> images;
  for (int i = 0; i < count; ++i) images.push_back({i + 1, {Truth(10, 10, 50, 40, 1)}});
  return images;
}

PredictionsById Found(int count, int found) {
  PredictionsById predictions;
  for (int i = 0; i < count; ++i) {
    v1::ImagePrediction& prediction = predictions[i + 1];
    prediction.set_image_id(i + 1);
    if (i < found) Detect(prediction, 10, 10, 50, 40, 1, 0.9F);
  }
  return predictions;
}

v1::GateRecipe Recipe(double tolerance = 0, uint32_t min_images = 20) {
  v1::GateRecipe recipe;
  recipe.set_tolerance(tolerance);
  recipe.set_min_images(min_images);
  return recipe;
}

TEST(MayServe, OnlyAfterAnOutcomeThatAllowsIt) {
  v1::Gate gate;
  EXPECT_FALSE(MayServe(gate)) << "nothing was decided";
  gate.set_outcome(static_cast<v1::GateOutcome>(99));
  EXPECT_FALSE(MayServe(gate)) << "a later release decided";
}

TEST(RoundEvaluation, PerfectBoxesScoreOneAndAMissedClassZero) {
  std::vector<JudgedImage> images = Images(2);
  images[1].truth = {Truth(0, 0, 30, 30, 2), Truth(60, 60, 90, 90, 1, /*ignore=*/true)};
  PredictionsById predictions = Found(2, 1);
  Detect(predictions[2], 60, 60, 90, 90, 1, 0.95F);  // on the region to ignore: neither right nor wrong
  const v1::Evaluation evaluation = EvaluateModel(images, predictions, 3, true);
  EXPECT_EQ(evaluation.images(), 2u);
  EXPECT_TRUE(evaluation.random_sample());
  ASSERT_EQ(evaluation.per_class_size(), 3);
  EXPECT_DOUBLE_EQ(evaluation.per_class(0).ap50(), 1);
  EXPECT_DOUBLE_EQ(evaluation.per_class(1).ap50(), 0);
  EXPECT_DOUBLE_EQ(evaluation.per_class(2).ap50(), -1);
  EXPECT_DOUBLE_EQ(evaluation.ap50(), 0.5);
}

TEST(RoundEvaluation, OnlyImagesBothModelsPredictedAreJudged) {
  const PredictionsById two = Found(2, 2);
  const PredictionsById three = Found(3, 3);
  const std::vector<const PredictionsById*> both = {&two, &three};
  EXPECT_EQ(JudgedByAll(Images(5), both).size(), 2u);
}

TEST(Gate, TheFirstModelServes) {
  const v1::Gate gate = JudgeGate(Images(30), Found(30, 0), std::nullopt, 1, Recipe(), 1);
  EXPECT_EQ(gate.outcome(), v1::GATE_FIRST);
  EXPECT_TRUE(MayServe(gate));
}

TEST(Gate, TooFewImagesAreNotJudged) {
  const PredictionsById serving = Found(19, 19);
  const v1::Gate gate = JudgeGate(Images(19), Found(19, 0), ServingModel{3, &serving}, 1, Recipe(), 1);
  EXPECT_EQ(gate.outcome(), v1::GATE_NOT_JUDGED);
  EXPECT_EQ(gate.against_model(), 3u);
  EXPECT_TRUE(MayServe(gate));
  EXPECT_EQ(JudgeGate({}, {}, std::nullopt, 1, Recipe(0, 0), 1).outcome(), v1::GATE_NOT_JUDGED);
}

TEST(Gate, ClearlyWorseIsHeld) {
  const PredictionsById serving = Found(40, 40);
  const v1::Gate gate = JudgeGate(Images(40), Found(40, 10), ServingModel{1, &serving}, 1, Recipe(), 1);
  EXPECT_EQ(gate.outcome(), v1::GATE_HELD);
  EXPECT_FALSE(MayServe(gate));
  EXPECT_DOUBLE_EQ(gate.against_ap50(), 1);
  EXPECT_LT(gate.difference_low(), gate.difference());
  EXPECT_LT(gate.difference_high(), 0);
}

TEST(Gate, ALittleWorseIsNotHeld) {
  const PredictionsById serving = Found(40, 31);
  EXPECT_EQ(JudgeGate(Images(40), Found(40, 30), ServingModel{1, &serving}, 1, Recipe(), 1).outcome(),
            v1::GATE_PASSED);
}

TEST(Gate, ToleranceIsAllowedFor) {
  const PredictionsById serving = Found(40, 40);
  const v1::Gate gate = JudgeGate(Images(40), Found(40, 30), ServingModel{1, &serving}, 1, Recipe(0.5), 1);
  EXPECT_EQ(gate.outcome(), v1::GATE_PASSED);
}

TEST(Gate, CleanImagesAloneAreNotJudged) {
  std::vector<JudgedImage> images = Images(30);
  for (JudgedImage& image : images) image.truth.clear();
  const PredictionsById serving = Found(30, 0);
  EXPECT_EQ(JudgeGate(images, Found(30, 30), ServingModel{1, &serving}, 1, Recipe(), 1).outcome(),
            v1::GATE_NOT_JUDGED);
}

TEST(Gate, TheSameSeedGivesTheSameInterval) {
  const PredictionsById serving = Found(40, 30);
  const auto judge = [&] {
    return JudgeGate(Images(40), Found(40, 20), ServingModel{1, &serving}, 1, Recipe(), 7)
        .SerializeAsString();
  };
  EXPECT_EQ(judge(), judge());
}

}  // namespace
}  // namespace loupe
