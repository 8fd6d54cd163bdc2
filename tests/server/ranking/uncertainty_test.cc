#include "server/ranking/uncertainty.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "server/ranking/pool_scorer.h"

namespace loupe::ranking {
namespace {

using testing::HasSubstr;

constexpr double kTolerance = 1e-12;
constexpr Strategy kStrategies[] = {Strategy::kCombined,        Strategy::kEntropy,     Strategy::kMargin,
                                    Strategy::kLeastConfidence, Strategy::kConsistency, Strategy::kRandom};

PredictedBox Box(double score, double runner_up = 0, double background = 0, size_t class_index = 0) {
  return {class_index, score, runner_up, background, std::nullopt};
}

PredictedBox Agreeing(double score, double agreement) { return {0, score, 0, 1 - score, agreement}; }

ScoringOptions Entropy() {
  ScoringOptions options;
  options.strategy = Strategy::kEntropy;
  return options;
}

ScoredPool ScorePool(const std::vector<PredictedImage>& images, const ScoringOptions& options) {
  PoolScorer scorer(options);
  for (const PredictedImage& image : images) scorer.Add(image);
  return std::move(scorer).Finish();
}

double ScoreOf(const PredictedImage& image, const ScoringOptions& options) {
  return ScorePool({image}, options).scored.at(0).score.value();
}

TEST(StrategyTest, NamesGoThereAndBack) {
  for (const Strategy strategy : kStrategies) {
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
  EXPECT_NEAR(BoxUncertainty(Strategy::kConsistency, Agreeing(0.5, 0.7)), 0.3, kTolerance);
  EXPECT_NEAR(BoxUncertainty(Strategy::kCombined, Agreeing(0.25, 0.7)), (0.811278124459133 + 0.3) / 2, 1e-12);
  EXPECT_NEAR(BoxUncertainty(Strategy::kCombined, Agreeing(0.5, 0)), 1, kTolerance)
      << "unsure, and gone in the mirrored image";
  EXPECT_NEAR(BoxUncertainty(Strategy::kCombined, Box(0.25)), 0.811278124459133, 1e-12)
      << "without a mirrored pass it is entropy";
}

TEST(ClassWeightsTest, HandWorkedCases) {
  // Median of n + 1 is 16: sqrt(16 / 4) = 2, 1, sqrt(16 / 64) = ½.
  const std::vector<double> weights = ClassWeights(std::vector<int64_t>{3, 15, 63}, {});
  EXPECT_NEAR(weights[0], 2, kTolerance);
  EXPECT_NEAR(weights[1], 1, kTolerance);
  EXPECT_NEAR(weights[2], 0.5, kTolerance);
  const std::vector<double> clipped = ClassWeights(std::vector<int64_t>{0, 99, 9999}, {});
  EXPECT_EQ(clipped[0], 3);
  EXPECT_EQ(clipped[2], 0.5);
  EXPECT_TRUE(ClassWeights({}, {}).empty());
  EXPECT_EQ(ClassWeights(std::vector<int64_t>{7}, {}), std::vector<double>{1});
}

TEST(ClassWeightsTest, AClassThatTrainingDoesBadlyOnWeighsUpToAFifthMore) {
  const std::vector<int64_t> even = {10, 10, 10};
  const std::vector<double> weights = ClassWeights(even, std::vector<double>{1, 0.5, 0});
  EXPECT_NEAR(weights[0], 1, kTolerance);
  EXPECT_NEAR(weights[1], 1.160514, 1e-6);  // 1 + 0.06 · ln((e^(10/3) - 1) / 2 + 1)
  EXPECT_NEAR(weights[2], 1.2, kTolerance);
}

TEST(ClassWeightsTest, LabellingMoreBoxesOfAClassNeverRaisesItsWeight) {
  std::mt19937 random(3);
  for (int repetition = 0; repetition < 300; ++repetition) {
    std::vector<int64_t> boxes(1 + random() % 7);
    for (int64_t& count : boxes) count = static_cast<int64_t>(random() % 40);
    const size_t c = random() % boxes.size();
    double before = ClassWeights(boxes, {})[c];
    for (int more = 0; more < 60; ++more) {
      ++boxes[c];
      const double after = ClassWeights(boxes, {})[c];
      EXPECT_LE(after, before + kTolerance);
      before = after;
    }
  }
}

TEST(ScorePoolTest, ABoxCountsByTheWeightOfItsClass) {
  ScoringOptions options = Entropy();
  options.cost_exponent = 0;
  options.class_weights = {1, 3};
  EXPECT_NEAR(ScoreOf({1, {Box(0.5, 0, 0, 0), Box(0.5, 0, 0, 1)}}, options), 4, kTolerance);
}

TEST(ScorePoolTest, ScoresAreCalibratedFirst) {
  CalibrationMap halved;
  halved.kind = CalibrationMap::Kind::kIsotonic;
  halved.scores = {0, 1};
  halved.probabilities = {0, 0.5};
  ScoringOptions options = Entropy();
  options.cost_exponent = 0;
  options.calibrations = {halved};
  EXPECT_NEAR(ScoreOf({1, {Box(0.5)}}, options), BinaryEntropy(0.25), kTolerance);
  EXPECT_TRUE(ScorePool({{1, {Box(0.09)}}}, options).scored[0].empty) << "0.045 is less than what counts";
  const PredictedBox box = Calibrated(halved, Box(0.6, 0.1, 0.3));
  EXPECT_NEAR(box.score, 0.3, kTolerance);
  EXPECT_NEAR(box.runner_up, 0.175, kTolerance);  // of what is left, a quarter as before
  EXPECT_NEAR(box.background, 0.525, kTolerance);
}

TEST(ScorePoolTest, ConsistencyNeedsTheMirroredPass) {
  ScoringOptions options;
  options.strategy = Strategy::kConsistency;
  const ScoredPool pool = ScorePool({{1, {Agreeing(0.9, 0.2)}}, {2, {Box(0.9)}}}, options);
  ASSERT_EQ(pool.scored.size(), 1U);
  EXPECT_EQ(pool.scored[0].image_id, 1);
  EXPECT_THAT(pool.set_aside.at(0).reason, HasSubstr("mirrored"));
}

TEST(ScorePoolTest, SumsOverBoxesAndDividesByThePowerOfSeconds) {
  const PredictedImage image{1, {Box(0.5), Box(0.25), Box(0.04)}};
  const double sum = 1 + 0.811278124459133;
  const double seconds = 2 + 4 * 0.75;  // the box below 0.05 counts neither here nor there
  ScoringOptions options = Entropy();
  EXPECT_NEAR(ScoreOf(image, options), sum / std::sqrt(seconds), kTolerance);
  options.cost_exponent = 0;
  EXPECT_NEAR(ScoreOf(image, options), sum, kTolerance);
  options.cost_exponent = 1;
  EXPECT_NEAR(ScoreOf(image, options), sum / seconds, kTolerance);
}

TEST(ScorePoolTest, BoxesBecomeASumAMeanOrTheLargest) {
  const PredictedImage image{1, {Box(0.5, 0, 0, 1), Box(0.25)}};
  ScoringOptions options = Entropy();
  options.cost_exponent = 0;
  options.class_weights = {1, 2};
  const double quarter = 0.811278124459133;
  EXPECT_NEAR(ScoreOf(image, options), 2 + quarter, kTolerance);
  options.box_to_image = BoxToImage::kMean;
  EXPECT_NEAR(ScoreOf(image, options), (2 + quarter) / 2, kTolerance);
  options.box_to_image = BoxToImage::kMax;
  EXPECT_NEAR(ScoreOf(image, options), 2, kTolerance);
}

TEST(ScorePoolTest, CombinedCountsABoxByHowMuchOfItThereIs) {
  ScoringOptions options;
  options.cost_exponent = 0;
  const PredictedImage object{1, {Agreeing(0.5, 0.8)}};  // u = (1 + 0.2) / 2
  EXPECT_NEAR(ScoreOf(object, options), 0.5 * 0.6, kTolerance);
  EXPECT_NEAR(ScoreOf({2, std::vector<PredictedBox>(3, Agreeing(0.1, 0))}, options),
              3 * 0.1 * 1.468995593589281 / 2, kTolerance)
      << "three boxes of noise are worth less than an object";
  options.box_to_image = BoxToImage::kMean;
  EXPECT_NEAR(ScoreOf({1, {Agreeing(0.5, 0.8), Agreeing(0.1, 0)}}, options),
              (0.5 * 0.6 + 0.1 * 1.468995593589281 / 2) / 0.6, kTolerance);
}

TEST(BoxToImageTest, NamesAreKnown) {
  EXPECT_EQ(ParseBoxToImage("mean").value(), BoxToImage::kMean);
  EXPECT_THAT(std::string(ParseBoxToImage("median").status().message()), HasSubstr("sum, mean, max"));
}

TEST(ScorePoolTest, OnlyTheTwentySurestBoxesAreSummed) {
  ScoringOptions options = Entropy();
  options.cost_exponent = 0;
  PredictedImage image{1, std::vector<PredictedBox>(20, Box(0.9))};
  const double twenty = ScoreOf(image, options);
  EXPECT_NEAR(twenty, 20 * BinaryEntropy(0.9), 1e-9);
  image.boxes.push_back(Box(0.5));
  EXPECT_EQ(ScoreOf(image, options), twenty);
}

TEST(ScorePoolTest, TheMainClassIsTheOneThatAddsMost) {
  ScoringOptions options = Entropy();
  const auto main_class = [&](const std::vector<PredictedBox>& boxes) {
    return ScorePool({{1, boxes}}, options).scored.at(0).main_class;
  };
  const std::vector<PredictedBox> boxes = {Box(0.5, 0, 0, 2), Box(0.9, 0, 0, 1), Box(0.9, 0, 0, 1),
                                           Box(0.9, 0, 0, 1)};
  EXPECT_EQ(main_class(boxes), 1U) << "three of 0.47 bits against one of 1";
  options.class_weights = {1, 1, 2};
  EXPECT_EQ(main_class(boxes), 2U) << "weights count";
  EXPECT_EQ(main_class({Box(0.5, 0, 0, 1), Box(0.5, 0, 0, 0)}), 0U);
  options.class_weights.clear();
  options.box_to_image = BoxToImage::kMax;
  EXPECT_EQ(main_class(boxes), 2U) << "it alone is the score";
  options.box_to_image = BoxToImage::kMean;
  EXPECT_EQ(main_class(boxes), 1U);
  EXPECT_EQ(main_class({Box(1, 0, 0, 1)}), 1U) << "a box of no worth, but the only one";
}

TEST(ScorePoolTest, TheOrderOfBoxesAndImagesDoesNotMatter) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> number(0, 1);
  std::vector<PredictedImage> images(40);
  for (size_t i = 0; i < images.size(); ++i) {
    images[i].image_id = static_cast<int64_t>(i) + 100;
    for (unsigned b = random() % 30; b > 0; --b) {
      images[i].boxes.push_back(
          Box(number(random) * (i % 5 == 0 ? 0.05 : 1), number(random), number(random), random() % 3));
      images[i].boxes.back().agreement = number(random);
    }
  }
  const std::vector<int64_t> labelled = {50, 3, 40};
  std::vector<PredictedImage> shuffled = images;
  std::shuffle(shuffled.begin(), shuffled.end(), random);
  for (PredictedImage& image : shuffled) std::shuffle(image.boxes.begin(), image.boxes.end(), random);
  for (const Strategy strategy : kStrategies) {
    ScoringOptions options;
    options.strategy = strategy;
    options.class_weights = ClassWeights(labelled, {});
    options.rare_classes = RareClasses(labelled);
    options.seed = 9;
    const ScoredPool pool = ScorePool(images, options);
    for (const Candidate& score : ScorePool(shuffled, options).scored) {
      const Candidate& other = pool.scored.at(static_cast<size_t>(score.image_id - 100));
      EXPECT_EQ(score.score, other.score) << "to the bit";
      EXPECT_EQ(score.empty, other.empty);
      EXPECT_EQ(score.main_class, other.main_class);
      EXPECT_EQ(score.rare_evidence, other.rare_evidence);
    }
  }
}

TEST(ScorePoolTest, ImagesWithoutBoxesStayBelowTheMedianAndKeepTheirOrder) {
  ScoringOptions options = Entropy();
  options.cost_exponent = 0;
  const std::vector<PredictedImage> images = {{1, {Box(0.5)}}, {2, {Box(0.9)}}, {3, {Box(0.99)}},
                                              {4, {}},         {5, {}, 0.01},   {6, {Box(0.049), Box(0.02)}}};
  const auto scored = ScorePool(images, options).scored;
  const double median = BinaryEntropy(0.9);
  EXPECT_EQ(scored[3].score, 0);
  EXPECT_NEAR(scored[4].score.value(), median * BinaryEntropy(0.01) / BinaryEntropy(0.05), kTolerance);
  EXPECT_LT(scored[4].score, scored[5].score);
  EXPECT_LT(scored[5].score, median);
  EXPECT_GT(scored[5].score, scored[2].score) << "not always last either";
  for (size_t i = 0; i < scored.size(); ++i) EXPECT_EQ(scored[i].empty, i >= 3);
}

TEST(ScorePoolTest, APoolOfImagesWithoutBoxesIsScoredAmongItself) {
  const auto scored = ScorePool({{1, {Box(0.01)}}, {2, {Box(0.04)}}}, {}).scored;
  EXPECT_GT(scored[0].score, 0);
  EXPECT_LT(scored[0].score, scored[1].score);
}

TEST(ScorePoolTest, ImagesWithImpossibleNumbersAreSetAsideWithTheReason) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinite = std::numeric_limits<double>::infinity();
  const std::vector<PredictedImage> images = {{1, {Box(0.5), Box(nan)}},
                                              {2, {Box(infinite)}},
                                              {3, {Box(0.5, -infinite)}},
                                              {4, {Box(0.5, 0, 1.5)}},
                                              {5, {Box(1.000001)}},
                                              {6, {}},
                                              {7, {}, nan},
                                              {8, {Agreeing(0.5, nan)}}};
  const ScoredPool pool = ScorePool(images, {});
  ASSERT_EQ(pool.set_aside.size(), 6U);
  EXPECT_EQ(pool.set_aside[0].image_id, 1);
  EXPECT_THAT(pool.set_aside[0].reason, HasSubstr("box 1 has a score of nan"));
  EXPECT_THAT(pool.set_aside[2].reason, HasSubstr("runner-up"));
  ASSERT_EQ(pool.scored.size(), 2U);
  EXPECT_EQ(pool.scored[0].image_id, 5) << "a softmax may round to a little above 1";
  for (const Candidate& score : pool.scored) EXPECT_TRUE(std::isfinite(score.score.value()));
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
  ScoringOptions options;
  options.rare_classes = RareClasses(std::vector<int64_t>{100, 2, 80});
  const auto scored = ScorePool(images, options).scored;
  EXPECT_EQ(scored[0].rare_evidence, 0.3);
  EXPECT_EQ(scored[1].rare_evidence, 0);
  EXPECT_EQ(scored[2].rare_evidence, 0) << "below 0.05 nothing is seen";
}

}  // namespace
}  // namespace loupe::ranking
