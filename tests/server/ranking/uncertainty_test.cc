#include "server/ranking/uncertainty.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace loupe::ranking {
namespace {

using testing::HasSubstr;

constexpr double kTolerance = 1e-12;

PredictedBox Box(double score, double runner_up = 0, double background = 0, int32_t category = 0) {
  return {category, score, runner_up, background};
}

double ScoreOf(const PredictedImage& image, const ScoringOptions& options) {
  const ScoredPool pool = ScorePool(std::vector{image}, {}, options);
  return pool.scored.at(0).score;
}

TEST(StrategyTest, NamesGoThereAndBack) {
  for (const Strategy strategy :
       {Strategy::kEntropy, Strategy::kMargin, Strategy::kLeastConfidence, Strategy::kRandom}) {
    EXPECT_EQ(ParseStrategy(StrategyName(strategy)).value(), strategy);
  }
  EXPECT_EQ(ParseStrategy("entropie").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(ParseStrategy("entropie").status().message()), HasSubstr("least_confidence"));
}

TEST(BoxUncertaintyTest, HandWorkedCases) {
  EXPECT_NEAR(BinaryEntropy(0.5), 1, kTolerance);
  EXPECT_NEAR(BinaryEntropy(0.25), 0.811278124459133, 1e-12);
  EXPECT_EQ(BinaryEntropy(0), 0);
  EXPECT_EQ(BinaryEntropy(1), 0);
  EXPECT_NEAR(BoxUncertainty(Strategy::kEntropy, Box(0.5, 0.1, 0.4)), 1, kTolerance);
  EXPECT_NEAR(BoxUncertainty(Strategy::kMargin, Box(0.5, 0.1, 0.4)), 0.9, kTolerance);
  EXPECT_NEAR(BoxUncertainty(Strategy::kMargin, Box(0.1, 0.0, 0.9)), 0.2, kTolerance)
      << "surely background is as far from doubt as surely a defect";
  EXPECT_NEAR(BoxUncertainty(Strategy::kLeastConfidence, Box(0.5, 0.1, 0.4)), 0.5, kTolerance);
  EXPECT_NEAR(BoxUncertainty(Strategy::kLeastConfidence, Box(0.1, 0.0, 0.9)), 0.1, kTolerance);
}

TEST(ScorePoolTest, SumsOverBoxesAndDividesByThePowerOfSeconds) {
  const PredictedImage image{1, {Box(0.5), Box(0.25), Box(0.04)}};
  const double sum = 1 + 0.811278124459133;
  const double seconds = 2 + 4 * 0.75;  // the box below 0.05 counts neither here nor there
  ScoringOptions options;
  EXPECT_NEAR(ScoreOf(image, options), sum / std::sqrt(seconds), kTolerance);
  options.cost_exponent = 0;
  EXPECT_NEAR(ScoreOf(image, options), sum, kTolerance);
  options.cost_exponent = 1;
  EXPECT_NEAR(ScoreOf(image, options), sum / seconds, kTolerance);
}

TEST(ScorePoolTest, OnlyTheTwentySurestBoxesAreSummed) {
  ScoringOptions options;
  options.cost_exponent = 0;
  PredictedImage image{1, std::vector<PredictedBox>(20, Box(0.9))};
  const double twenty = ScoreOf(image, options);
  EXPECT_NEAR(twenty, 20 * BinaryEntropy(0.9), 1e-9);
  image.boxes.push_back(Box(0.5));
  EXPECT_EQ(ScoreOf(image, options), twenty);
}

TEST(ScorePoolTest, TheOrderOfBoxesAndImagesDoesNotMatter) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> number(0, 1);
  std::vector<PredictedImage> images(40);
  for (size_t i = 0; i < images.size(); ++i) {
    images[i].image_id = static_cast<int64_t>(i) + 100;
    for (unsigned b = random() % 30; b > 0; --b) {
      images[i].boxes.push_back(Box(number(random) * (i % 5 == 0 ? 0.05 : 1), number(random), number(random),
                                    static_cast<int32_t>(random() % 3)));
    }
  }
  const std::vector<int64_t> labelled = {50, 3, 40};
  std::vector<PredictedImage> shuffled = images;
  std::shuffle(shuffled.begin(), shuffled.end(), random);
  for (PredictedImage& image : shuffled) std::shuffle(image.boxes.begin(), image.boxes.end(), random);
  for (const Strategy strategy :
       {Strategy::kEntropy, Strategy::kMargin, Strategy::kLeastConfidence, Strategy::kRandom}) {
    ScoringOptions options;
    options.strategy = strategy;
    options.seed = 9;
    const ScoredPool pool = ScorePool(images, labelled, options);
    for (const ImageScore& score : ScorePool(shuffled, labelled, options).scored) {
      const ImageScore& other = pool.scored.at(static_cast<size_t>(score.image_id - 100));
      EXPECT_EQ(score.score, other.score) << "to the bit";
      EXPECT_EQ(score.empty, other.empty);
      EXPECT_EQ(score.rare_evidence, other.rare_evidence);
    }
  }
}

TEST(ScorePoolTest, ImagesWithoutBoxesStayBelowTheMedianAndKeepTheirOrder) {
  ScoringOptions options;
  options.cost_exponent = 0;
  const std::vector<PredictedImage> images = {{1, {Box(0.5)}},  {2, {Box(0.9)}},
                                              {3, {Box(0.99)}}, {4, {}},
                                              {5, {Box(0.01)}}, {6, {Box(0.049), Box(0.02)}}};
  const auto scored = ScorePool(images, {}, options).scored;
  const double median = BinaryEntropy(0.9);
  EXPECT_EQ(scored[3].score, 0);
  EXPECT_NEAR(scored[4].score, median * BinaryEntropy(0.01) / BinaryEntropy(0.05), kTolerance);
  EXPECT_LT(scored[4].score, scored[5].score);
  EXPECT_LT(scored[5].score, median);
  EXPECT_GT(scored[5].score, scored[2].score) << "not always last either";
  for (size_t i = 0; i < scored.size(); ++i) EXPECT_EQ(scored[i].empty, i >= 3);
}

TEST(ScorePoolTest, APoolOfImagesWithoutBoxesIsScoredAmongItself) {
  const auto scored =
      ScorePool(std::vector<PredictedImage>{{1, {Box(0.01)}}, {2, {Box(0.04)}}}, {}, {}).scored;
  EXPECT_GT(scored[0].score, 0);
  EXPECT_LT(scored[0].score, scored[1].score);
}

TEST(ScorePoolTest, ImagesWithImpossibleNumbersAreSetAsideWithTheReason) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinite = std::numeric_limits<double>::infinity();
  const std::vector<PredictedImage> images = {{1, {Box(0.5), Box(nan)}},  {2, {Box(infinite)}},
                                              {3, {Box(0.5, -infinite)}}, {4, {Box(0.5, 0, 1.5)}},
                                              {5, {Box(1.000001)}},       {6, {}}};
  const ScoredPool pool = ScorePool(images, {}, {});
  ASSERT_EQ(pool.set_aside.size(), 4U);
  EXPECT_EQ(pool.set_aside[0].image_id, 1);
  EXPECT_THAT(pool.set_aside[0].reason, HasSubstr("box 1 has a score of nan"));
  EXPECT_THAT(pool.set_aside[2].reason, HasSubstr("runner-up"));
  ASSERT_EQ(pool.scored.size(), 2U);
  EXPECT_EQ(pool.scored[0].image_id, 5) << "a softmax may round to a little above 1";
  for (const ImageScore& score : pool.scored) EXPECT_TRUE(std::isfinite(score.score));
}

TEST(RareClassesTest, FewerThanHalfTheMedianIsRare) {
  EXPECT_EQ(RareClasses(std::vector<int64_t>{100, 49, 100, 50, 300}), (std::vector<bool>{0, 1, 0, 0, 0}));
  EXPECT_EQ(RareClasses(std::vector<int64_t>{0, 0}), (std::vector<bool>{0, 0})) << "nothing drawn yet";
  EXPECT_EQ(RareClasses(std::vector<int64_t>{7}), (std::vector<bool>{0})) << "a single class is never rare";
  EXPECT_TRUE(RareClasses({}).empty());
}

TEST(ScorePoolTest, RareEvidenceIsTheSurestBoxOfARareClass) {
  const std::vector<PredictedImage> images = {{1, {Box(0.9, 0, 0, 0), Box(0.3, 0, 0, 1), Box(0.2, 0, 0, 1)}},
                                              {2, {Box(0.9, 0, 0, 2)}},
                                              {3, {Box(0.04, 0, 0, 1)}}};
  const auto scored = ScorePool(images, std::vector<int64_t>{100, 2, 80}, {}).scored;
  EXPECT_EQ(scored[0].rare_evidence, 0.3);
  EXPECT_EQ(scored[1].rare_evidence, 0);
  EXPECT_EQ(scored[2].rare_evidence, 0) << "below 0.05 nothing is seen";
}

}  // namespace
}  // namespace loupe::ranking
