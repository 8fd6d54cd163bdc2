#include "server/ranking/calibration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "evaluation/seeded_random.h"

namespace loupe::ranking {
namespace {

using evaluation::SeededRandom;
using testing::ElementsAre;
using Kind = CalibrationMap::Kind;
using Detections = std::vector<JudgedDetection>;

constexpr double kCalibrationTolerance = 1e-12;

void Add(Detections& detections, int32_t class_index, double score, int right, int wrong) {
  for (int i = 0; i < right; ++i) detections.push_back({class_index, score, true});
  for (int i = 0; i < wrong; ++i) detections.push_back({class_index, score, false});
}

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double Logit(double p) { return std::log(p / (1 - p)); }

// A detection whose score says logit x while sigmoid(slope * x + offset) of them are right.
JudgedDetection Drawn(SeededRandom& random, int32_t class_index, double slope, double offset) {
  const double x = 8 * random.Uniform() - 4;
  return {class_index, Sigmoid(x), random.Uniform() < Sigmoid(slope * x + offset)};
}

// Scores with ties, right with a probability that doesn't always rise.
Detections Scene(uint64_t seed) {
  SeededRandom random(seed);
  const uint64_t steps = 2 + random.Below(60);
  const double tilt = 2 * random.Uniform() - 0.5;
  Detections detections;
  for (uint64_t i = 60 + random.Below(200); i > 0; --i) {
    const double score = static_cast<double>(random.Below(steps + 1)) / static_cast<double>(steps);
    detections.push_back({0, score, random.Uniform() < 0.5 + tilt * (score - 0.5)});
  }
  Add(detections, 0, 0.5, 10, 10);  // never a thin class
  return detections;
}

void Shuffle(Detections& detections, uint64_t seed) {
  SeededRandom random(seed);
  for (size_t i = detections.size(); i > 1; --i) std::swap(detections[i - 1], detections[random.Below(i)]);
}

// The map of all classes together: that of a class without detections of its own.
CalibrationMap Pooled(const Detections& detections) { return FitCalibration(detections, 2)[1]; }

// Isotonic regression by its min-max formula: the value of block i is the least, over the ends from i on, of
// the greatest mean from any beginning up to i.
struct SlowBlock {
  double score_sum;
  double right;
  double count;
};

std::vector<SlowBlock> SlowIsotonic(const std::vector<SlowBlock>& blocks) {
  std::vector<SlowBlock> joined;
  double last_value = -1;
  for (size_t i = 0; i < blocks.size(); ++i) {
    double value = 2;
    for (size_t end = i; end < blocks.size(); ++end) {
      double greatest = -1;
      double right = 0;
      double count = 0;
      for (size_t j = end + 1; j > 0; --j) {
        right += blocks[j - 1].right;
        count += blocks[j - 1].count;
        if (j - 1 <= i) greatest = std::max(greatest, right / count);
      }
      value = std::min(value, greatest);
    }
    if (joined.empty() || value != last_value) joined.push_back({0, 0, 0});
    joined.back().score_sum += blocks[i].score_sum;
    joined.back().right += blocks[i].right;
    joined.back().count += blocks[i].count;
    last_value = value;
  }
  return joined;
}

TEST(IsotonicTest, HandWorkedCase) {
  Detections detections;
  Add(detections, 0, 0.1, 1, 9);
  Add(detections, 0, 0.3, 6, 14);
  Add(detections, 0, 0.5, 4, 16);  // fewer than at 0.3: pooled to 10 of 40 around 0.4
  Add(detections, 0, 0.9, 9, 1);
  const CalibrationMap map = FitCalibration(detections, 1).at(0);
  ASSERT_EQ(map.kind, Kind::kIsotonic);
  ASSERT_EQ(map.scores.size(), 5U);
  const std::vector<double> scores = {0, 0.1, 0.4, 0.9, 1};
  const std::vector<double> probabilities = {1.5 / 12, 1.5 / 11, 10.5 / 41, 9.5 / 11, 10.5 / 12};
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_NEAR(map.scores[i], scores[i], kCalibrationTolerance);
    EXPECT_NEAR(map.probabilities[i], probabilities[i], kCalibrationTolerance);
    EXPECT_NEAR(Calibrated(map, scores[i]), probabilities[i], 1e-9);
  }
  EXPECT_NEAR(Calibrated(map, 0.25), (1.5 / 11 + 10.5 / 41) / 2, kCalibrationTolerance)
      << "halfway between centres";
  EXPECT_NEAR(Calibrated(map, 0.95), (9.5 / 11 + 10.5 / 12) / 2, kCalibrationTolerance);
}

TEST(IsotonicTest, ASmallBlockThatSmoothingBringsTooLowIsPooledAgain) {
  Detections detections;
  Add(detections, 0, 0.1, 10, 30);
  Add(detections, 0, 0.8, 19, 1);
  Add(detections, 0, 0.9, 1, 0);  // 1 of 1, but 1.5 of 2 is below 19.5 of 21
  const CalibrationMap map = FitCalibration(detections, 1).at(0);
  ASSERT_EQ(map.scores.size(), 4U);
  EXPECT_NEAR(map.probabilities[1], 10.5 / 41, kCalibrationTolerance);
  EXPECT_NEAR(map.scores[2], (0.8 * 21 + 0.9 * 2) / 23, kCalibrationTolerance);
  EXPECT_NEAR(map.probabilities[2], 21.0 / 23, kCalibrationTolerance);
  EXPECT_NEAR(map.probabilities[3], 22.0 / 24, kCalibrationTolerance);
}

TEST(IsotonicTest, EqualsTheMinMaxFormula) {
  for (uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    const Detections detections = Scene(seed);
    std::vector<double> scores;
    for (const JudgedDetection& detection : detections) scores.push_back(detection.score);
    std::sort(scores.begin(), scores.end());
    scores.erase(std::unique(scores.begin(), scores.end()), scores.end());
    std::vector<SlowBlock> blocks;
    for (const double score : scores) {
      blocks.push_back({0, 0, 0});
      for (const JudgedDetection& detection : detections) {
        if (detection.score != score) continue;
        blocks.back().score_sum += score;
        blocks.back().right += detection.correct ? 1 : 0;
        blocks.back().count += 1;
      }
    }
    blocks = SlowIsotonic(blocks);
    for (SlowBlock& block : blocks) {
      block.score_sum += block.score_sum / block.count;
      block.right += 0.5;
      block.count += 1;
    }
    blocks = SlowIsotonic(blocks);

    const CalibrationMap map = FitCalibration(detections, 1).at(0);
    EXPECT_EQ(map.kind, Kind::kIsotonic);
    const size_t ends =
        (blocks.front().score_sum > 0 ? 1U : 0U) + (blocks.back().score_sum < blocks.back().count ? 1U : 0U);
    EXPECT_EQ(map.scores.size(), blocks.size() + ends);
    for (const SlowBlock& block : blocks) {
      EXPECT_NEAR(Calibrated(map, block.score_sum / block.count), block.right / block.count, 1e-9);
    }
  }
}

TEST(IsotonicTest, RisesStrictlyAndIsNeverCertain) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    const CalibrationMap map = FitCalibration(Scene(seed), 1).at(0);
    EXPECT_EQ(map.scores.front(), 0);
    EXPECT_EQ(map.scores.back(), 1);
    double last = 0;
    for (int i = 0; i <= 1000; ++i) {
      const double probability = Calibrated(map, i / 1000.0);
      ASSERT_GT(probability, last) << i;
      last = probability;
    }
    EXPECT_LT(last, 1);
  }
}

TEST(IsotonicTest, AllOfOneScoreIsItsShareAndKeepsTheOrderElsewhere) {
  Detections detections;
  Add(detections, 0, 0.7, 30, 30);
  const CalibrationMap map = FitCalibration(detections, 1).at(0);
  EXPECT_THAT(map.scores, ElementsAre(0, 0.7, 1));
  EXPECT_THAT(map.probabilities, ElementsAre(30.5 / 62, 0.5, 31.5 / 62));
}

TEST(IsotonicTest, BlocksAtScoresZeroAndOneAreTheEnds) {
  Detections detections;
  Add(detections, 0, 0, 0, 30);
  Add(detections, 0, 1, 30, 0);
  const CalibrationMap map = FitCalibration(detections, 1).at(0);
  EXPECT_THAT(map.scores, ElementsAre(0, 1));
  EXPECT_THAT(map.probabilities, ElementsAre(0.5 / 31, 30.5 / 31));
}

TEST(IsotonicTest, ScoresAgainstTheTruthGiveOneNearlyLevelLine) {
  Detections detections;
  Add(detections, 0, 0.2, 30, 0);
  Add(detections, 0, 0.8, 0, 30);
  const CalibrationMap map = FitCalibration(detections, 1).at(0);
  EXPECT_THAT(map.probabilities, ElementsAre(30.5 / 62, 0.5, 31.5 / 62));
  EXPECT_NEAR(map.scores.at(1), 0.5, kCalibrationTolerance);
}

TEST(IsotonicTest, ScoresThatAreNeighboursInDoublePrecisionGiveRisingBreakpoints) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    double score = random.Uniform();
    Detections detections;
    for (int i = 0; i < 20; ++i) {
      const int pairs = 5 + static_cast<int>(random.Below(50));
      Add(detections, 0, score, pairs * i / 20 + 1, pairs - pairs * i / 20);
      score = std::nextafter(score, 1);
    }
    const CalibrationMap map = FitCalibration(detections, 1).at(0);
    for (size_t i = 1; i < map.scores.size(); ++i) ASSERT_LT(map.scores[i - 1], map.scores[i]);
    EXPECT_TRUE(std::isfinite(Calibrated(map, detections.front().score)));
  }
}

// Log loss with Platt's targets and the prior on the slope, written out.
double SlowPlattLoss(const Detections& detections, double slope, double offset) {
  double right = 0;
  double wrong = 0;
  for (const JudgedDetection& detection : detections) (detection.correct ? right : wrong) += 1;
  double loss = (slope - 1) * (slope - 1) / 2;
  for (const JudgedDetection& detection : detections) {
    const double target = detection.correct ? (right + 1) / (right + 2) : 1 / (wrong + 2);
    const double p = Sigmoid(slope * Logit(detection.score) + offset);
    loss -= target * std::log(p) + (1 - target) * std::log(1 - p);
  }
  return loss;
}

TEST(PlattTest, NoOtherLineHasALowerLoss) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    SeededRandom random(seed);
    const double slope = 2 * random.Uniform() - 0.5;
    Detections detections;
    for (uint64_t i = 50 + random.Below(100); i > 0; --i) detections.push_back(Drawn(random, 0, slope, -1));
    const CalibrationMap map = Pooled(detections);
    ASSERT_EQ(map.kind, Kind::kPlatt);
    const double loss = SlowPlattLoss(detections, map.slope, map.offset);
    for (const double reach : {1.0, 0.1, 0.001}) {
      for (int turn = 0; turn < 16; ++turn) {
        const double other_slope = map.slope + reach * std::cos(turn * 0.3927);
        if (other_slope < 0) continue;
        EXPECT_GT(SlowPlattLoss(detections, other_slope, map.offset + reach * std::sin(turn * 0.3927)), loss);
      }
    }
  }
}

TEST(PlattTest, FindsTheLineThatTheDetectionsWereDrawnFrom) {
  SeededRandom random(3);
  Detections detections;
  for (int i = 0; i < 40000; ++i) detections.push_back(Drawn(random, 0, 0.5, -1));
  const CalibrationMap map = Pooled(detections);
  EXPECT_NEAR(map.slope, 0.5, 0.03);
  EXPECT_NEAR(map.offset, -1, 0.05);
}

TEST(PlattTest, ScoresThatPartRightFromWrongGiveAFiniteLine) {
  for (const double gap : {1e-9, 0.1, 0.5}) {
    SCOPED_TRACE(gap);
    Detections detections;
    Add(detections, 0, 0.5 + gap, 40, 0);
    Add(detections, 0, 0.5 - gap, 0, 40);  // with 0.5 the scores are 0 and 1
    const CalibrationMap map = Pooled(detections);
    EXPECT_GT(map.slope, 0);
    EXPECT_LT(map.slope, 10);
    EXPECT_NEAR(map.offset, 0, 1e-6) << "as many right as wrong, evenly around ½";
    EXPECT_LT(Calibrated(map, 0.4), Calibrated(map, 0.6));
  }
}

// From the level line, whole Newton steps overshoot here and never settle.
TEST(PlattTest, AFewRightDetectionsFarAboveManyWrongOnes) {
  Detections detections;
  Add(detections, 0, 0.3, 0, 1000);
  Add(detections, 0, 1 - 1e-6, 10, 0);
  const CalibrationMap map = Pooled(detections);
  const double loss = SlowPlattLoss(detections, map.slope, map.offset);
  EXPECT_LT(loss, SlowPlattLoss(detections, map.slope + 0.001, map.offset));
  EXPECT_LT(loss, SlowPlattLoss(detections, map.slope - 0.001, map.offset));
  EXPECT_LT(loss, SlowPlattLoss(detections, map.slope, map.offset + 0.01));
  EXPECT_LT(loss, SlowPlattLoss(detections, map.slope, map.offset - 0.01));
}

TEST(PlattTest, ScoresAgainstTheTruthGiveALevelLineAtTheMeanTarget) {
  Detections detections;
  Add(detections, 0, 0.2, 20, 0);
  Add(detections, 0, 0.8, 0, 60);
  const CalibrationMap map = Pooled(detections);
  EXPECT_EQ(map.slope, 0);
  const double mean = (20 * 21.0 / 22 + 60 * 1.0 / 62) / 80;
  for (const double score : {0.0, 0.3, 1.0}) EXPECT_NEAR(Calibrated(map, score), mean, kCalibrationTolerance);
}

TEST(PlattTest, WithoutBothKindsOrSeveralScoresTheMeanIsRightAndTheOrderStays) {
  const auto mean = [](const CalibrationMap& map, const Detections& detections) {
    double sum = 0;
    for (const JudgedDetection& detection : detections) sum += Calibrated(map, detection.score);
    return sum / static_cast<double>(detections.size());
  };
  for (const bool correct : {true, false}) {
    SeededRandom random(5);
    Detections detections;
    for (int i = 0; i < 60; ++i) detections.push_back({0, random.Uniform(), correct});
    const CalibrationMap map = FitCalibration(detections, 1).at(0);
    ASSERT_EQ(map.kind, Kind::kPlatt) << "all of one kind is a thin class";
    EXPECT_NEAR(mean(map, detections), correct ? 61.0 / 62 : 1.0 / 62, 1e-9);
    EXPECT_LT(Calibrated(map, 0.1), Calibrated(map, 0.9));
  }
  Detections one_score;
  Add(one_score, 0, 0.7, 15, 45);
  const CalibrationMap map = Pooled(one_score);
  EXPECT_NEAR(map.slope, 1, 1e-9);
  EXPECT_NEAR(Calibrated(map, 0.7), (15 * 16.0 / 17 + 45 * 1.0 / 47) / 60, 1e-9);
}

TEST(FitCalibrationTest, AThinClassUsesTheMapOfAllClassesTogether) {
  Detections detections;
  Add(detections, 0, 0.3, 2, 10);  // 10 right and 10 wrong: just enough
  Add(detections, 0, 0.8, 8, 0);
  Add(detections, 1, 0.6, 9, 40);   // too few right
  Add(detections, 2, 0.9, 400, 9);  // too few wrong
  const std::vector<CalibrationMap> maps = FitCalibration(detections, 4);
  ASSERT_EQ(maps.size(), 4U);
  EXPECT_EQ(maps[0].kind, Kind::kIsotonic);
  Detections as_one = detections;
  for (JudgedDetection& detection : as_one) detection.class_index = 0;
  const CalibrationMap pooled = Pooled(as_one);
  for (const size_t c : {1, 2, 3}) {
    EXPECT_EQ(maps[c].kind, Kind::kPlatt);
    EXPECT_EQ(maps[c].slope, pooled.slope);
    EXPECT_EQ(maps[c].offset, pooled.offset);
  }
  EXPECT_NE(pooled.offset, 0);
}

TEST(FitCalibrationTest, BelowFiftyDetectionsInAllScoresStayAsTheyAre) {
  Detections detections;
  Add(detections, 0, 0.9, 12, 12);
  Add(detections, 1, 0.4, 12, 13);
  for (const CalibrationMap& map : FitCalibration(detections, 2)) {
    EXPECT_EQ(map.kind, Kind::kIdentity);
    for (const double score : {0.0, 0.123, 1.0}) EXPECT_EQ(Calibrated(map, score), score);
  }
  Add(detections, 1, 0.4, 1, 0);
  for (const CalibrationMap& map : FitCalibration(detections, 2)) EXPECT_EQ(map.kind, Kind::kIsotonic);
  EXPECT_EQ(FitCalibration({}, 3).size(), 3U);
  EXPECT_TRUE(FitCalibration({}, 0).empty());
}

TEST(FitCalibrationTest, AnotherClassesDetectionsDoNotMoveAnIsotonicMap) {
  Detections detections = Scene(7);
  const CalibrationMap alone = FitCalibration(detections, 1).at(0);
  for (const JudgedDetection& detection : Scene(8)) {
    detections.push_back({1, detection.score, detection.correct});
  }
  const std::vector<CalibrationMap> both = FitCalibration(detections, 2);
  EXPECT_EQ(both[0].scores, alone.scores);
  EXPECT_EQ(both[0].probabilities, alone.probabilities);
  EXPECT_NE(both[1].probabilities, alone.probabilities);
}

// Three classes: scores too high, scores too low, and a thin one.
Detections Miscalibrated(uint64_t seed, int count) {
  SeededRandom random(seed);
  Detections detections;
  for (int i = 0; i < count; ++i) {
    detections.push_back(Drawn(random, 0, 0.6, -1.5));
    detections.push_back(Drawn(random, 1, 1.5, 2));
    if (i % 50 == 0) detections.push_back(Drawn(random, 2, 1, 0));
  }
  return detections;
}

TEST(FitCalibrationTest, TheOrderOfDetectionsDoesNotMatter) {
  Detections detections = Miscalibrated(11, 400);
  for (JudgedDetection& detection : detections) detection.score = std::round(detection.score * 20) / 20;
  const std::vector<CalibrationMap> maps = FitCalibration(detections, 3);
  const std::optional<double> error = DetectionCalibrationError(detections, maps);
  for (uint64_t seed = 0; seed < 5; ++seed) {
    Shuffle(detections, seed);
    const std::vector<CalibrationMap> others = FitCalibration(detections, 3);
    for (size_t c = 0; c < maps.size(); ++c) {
      EXPECT_EQ(others[c].scores, maps[c].scores) << "to the bit";
      EXPECT_EQ(others[c].probabilities, maps[c].probabilities);
      EXPECT_EQ(others[c].slope, maps[c].slope);
      EXPECT_EQ(others[c].offset, maps[c].offset);
    }
    EXPECT_EQ(DetectionCalibrationError(detections, others), error);
  }
}

TEST(FitCalibrationTest, TheErrorFallsOnFreshDetections) {
  const std::vector<CalibrationMap> raw(3);
  for (uint64_t seed = 0; seed < 10; ++seed) {
    SCOPED_TRACE(seed);
    const std::vector<CalibrationMap> maps = FitCalibration(Miscalibrated(seed, 400), 3);
    EXPECT_EQ(maps[0].kind, Kind::kIsotonic);
    EXPECT_EQ(maps[1].kind, Kind::kIsotonic);
    EXPECT_EQ(maps[2].kind, Kind::kPlatt);
    const Detections fresh = Miscalibrated(seed + 1000, 4000);
    for (const int32_t class_index : {0, 1}) {
      Detections of_class;
      for (const JudgedDetection& detection : fresh) {
        if (detection.class_index == class_index) of_class.push_back(detection);
      }
      const double before = DetectionCalibrationError(of_class, raw).value();
      const double after = DetectionCalibrationError(of_class, maps).value();
      EXPECT_GT(before, 0.1);
      EXPECT_LT(after, 0.06);
    }
  }
}

TEST(FitCalibrationTest, ApproachesTheTrueProbabilities) {
  const std::vector<CalibrationMap> maps = FitCalibration(Miscalibrated(1, 40000), 3);
  for (int i = -7; i <= 7; ++i) {
    const double x = i / 2.0;
    EXPECT_NEAR(Calibrated(maps[0], Sigmoid(x)), Sigmoid(0.6 * x - 1.5), 0.03);
    EXPECT_NEAR(Calibrated(maps[1], Sigmoid(x)), Sigmoid(1.5 * x + 2), 0.03);
  }
}

TEST(CalibratedTest, ScoresOutsideTheRangeCountAsItsEnds) {
  const double infinite = std::numeric_limits<double>::infinity();
  std::vector<CalibrationMap> maps = FitCalibration(Miscalibrated(2, 400), 3);
  maps.emplace_back();
  std::vector<Kind> kinds;
  for (const CalibrationMap& map : maps) {
    kinds.push_back(map.kind);
    EXPECT_EQ(Calibrated(map, 1.00001), Calibrated(map, 1)) << "a softmax may round to a little above 1";
    EXPECT_EQ(Calibrated(map, infinite), Calibrated(map, 1));
    EXPECT_EQ(Calibrated(map, -infinite), Calibrated(map, 0));
    double last = -1;
    for (int i = 0; i <= 1000; ++i) {
      const double probability = Calibrated(map, i / 1000.0);
      ASSERT_GT(probability, last);
      ASSERT_LE(probability, 1);
      last = probability;
    }
    EXPECT_GE(Calibrated(map, 0), 0);
  }
  EXPECT_THAT(kinds, ElementsAre(Kind::kIsotonic, Kind::kIsotonic, Kind::kPlatt, Kind::kIdentity));
}

TEST(CalibratedTest, APlattMapIsTheSigmoidOfALineOverTheLogit) {
  CalibrationMap map;
  map.kind = Kind::kPlatt;
  map.slope = 2;
  map.offset = -1;
  EXPECT_NEAR(Calibrated(map, 0.75), Sigmoid(2 * std::log(3) - 1), kCalibrationTolerance);
}

TEST(DetectionCalibrationErrorTest, HandWorkedCase) {
  const std::vector<CalibrationMap> raw(1);
  // Bins: 0.9-1: mean 2.86 / 3, 2 of 3 right; 0.1-0.2: mean 0.15, 1 of 2; 0-0.1: 0.05, 0 of 1.
  const Detections detections = {{0, 1, false},    {0, 0.94, true}, {0, 0.92, true},
                                 {0, 0.14, false}, {0, 0.16, true}, {0, 0.05, false}};
  const double expected = 3.0 / 6 * (2.86 / 3 - 2.0 / 3) + 2.0 / 6 * (0.5 - 0.15) + 1.0 / 6 * 0.05;
  EXPECT_NEAR(DetectionCalibrationError(detections, raw).value(), expected, kCalibrationTolerance);
}

TEST(DetectionCalibrationErrorTest, OppositeErrorsInOneBinCancelAndInTwoDoNot) {
  const std::vector<CalibrationMap> raw(1);
  EXPECT_NEAR(DetectionCalibrationError(Detections{{0, 0.5, true}, {0, 0.5, false}}, raw).value(), 0,
              kCalibrationTolerance);
  EXPECT_NEAR(DetectionCalibrationError(Detections{{0, 0.49, true}, {0, 0.5, false}}, raw).value(),
              (0.51 + 0.5) / 2, kCalibrationTolerance);
}

TEST(DetectionCalibrationErrorTest, BinsAreOfTheProbabilityThatTheClassesMapGives) {
  std::vector<CalibrationMap> maps(2);
  maps[1].kind = Kind::kIsotonic;
  maps[1].scores = {0, 1};
  maps[1].probabilities = {0.8, 0.9};
  // Class 1's score of 0.5 is a probability of 0.85 and shares the bin with class 0's 0.85.
  const Detections detections = {{0, 0.85, false}, {1, 0.5, true}};
  EXPECT_NEAR(DetectionCalibrationError(detections, maps).value(), 0.7 / 2, kCalibrationTolerance);
}

TEST(DetectionCalibrationErrorTest, WithoutDetectionsThereIsNone) {
  EXPECT_EQ(DetectionCalibrationError({}, std::vector<CalibrationMap>(2)), std::nullopt);
}

}  // namespace
}  // namespace loupe::ranking
