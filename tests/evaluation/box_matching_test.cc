#include "evaluation/box_matching.h"

#include <gtest/gtest.h>

#include <random>

namespace loupe::evaluation {
namespace {

DetectedBox Detected(const Box& box, double score) { return {0, 0, box, score}; }

TrueBox TruthBox(const Box& box, bool crowd = false) {
  TrueBox truth;
  truth.box = box;
  truth.area = box.width * box.height;
  truth.crowd = crowd;
  return truth;
}

TEST(IntersectionOverUnionTest, HandWorkedCases) {
  EXPECT_DOUBLE_EQ(IntersectionOverUnion({0, 0, 10, 10}, {0, 0, 10, 10}), 1);
  EXPECT_DOUBLE_EQ(IntersectionOverUnion({0, 0, 10, 10}, {5, 0, 10, 10}), 50.0 / 150);
  EXPECT_EQ(IntersectionOverUnion({0, 0, 10, 10}, {10, 0, 10, 10}), 0) << "boxes that touch don't overlap";
  EXPECT_EQ(IntersectionOverUnion({0, 0, 0, 10}, {0, 0, 10, 10}), 0) << "a box without width";
  EXPECT_DOUBLE_EQ(IntersectionOverUnion({0, 0, 10, 10}, {5, 0, 100, 100}, true), 0.5)
      << "on a crowd it is the share of the detection that lies in it";
}

TEST(IntersectionOverUnionTest, IsSymmetricAndWithinZeroAndOne) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> number(0.1, 20);
  for (int i = 0; i < 1000; ++i) {
    const Box a{number(random), number(random), number(random), number(random)};
    const Box b{number(random), number(random), number(random), number(random)};
    const double iou = IntersectionOverUnion(a, b);
    EXPECT_DOUBLE_EQ(iou, IntersectionOverUnion(b, a));
    EXPECT_GE(iou, 0);
    EXPECT_LE(iou, 1);
  }
}

TEST(MatchImageTest, TheSurestDetectionTakesTheBoxAndTheNextIsWrong) {
  const Box box{0, 0, 100, 100};
  // IoU of the second with the box: 80 / 100.
  const auto bits = MatchImage(std::vector{Detected(box, 0.9), Detected({0, 0, 100, 80}, 0.8)},
                               std::vector{TruthBox(box)}, AreaRange{});
  EXPECT_EQ(bits[0].matched, 0b1111111111) << "perfect at all ten thresholds";
  EXPECT_EQ(bits[1].matched, 0);
  EXPECT_EQ(bits[1].ignored, 0);
}

TEST(MatchImageTest, ABoxIsFoundOnlyUpToItsOverlap) {
  const auto bits = MatchImage(std::vector{Detected({0, 0, 100, 72}, 0.9)},
                               std::vector{TruthBox({0, 0, 100, 100})}, AreaRange{});
  EXPECT_EQ(bits[0].matched, 0b0000011111) << "0.72 reaches 0.50 to 0.70";
}

TEST(MatchImageTest, DetectionsOnACrowdAreNotCountedAndNeverUseItUp) {
  const std::vector<TrueBox> truths = {TruthBox({0, 0, 100, 100}, true)};
  const auto bits = MatchImage(std::vector{Detected({0, 0, 20, 20}, 0.9), Detected({5, 5, 20, 20}, 0.8)},
                               truths, AreaRange{});
  for (const MatchBits& bit : bits) EXPECT_EQ(bit.ignored, 0b1111111111);
}

TEST(MatchImageTest, ABoxThatCountsIsPreferredToACrowdWithMoreOverlap) {
  const std::vector<TrueBox> truths = {TruthBox({0, 0, 100, 100}, true), TruthBox({0, 0, 20, 16})};
  const auto bits = MatchImage(std::vector{Detected({0, 0, 20, 20}, 0.9)}, truths, AreaRange{});
  EXPECT_EQ(bits[0].matched & 1, 1);
  EXPECT_EQ(bits[0].ignored & 1, 0) << "0.8 with the box";
  EXPECT_EQ(bits[0].ignored, 0b1110000000) << "the crowd takes it where the box no longer fits: above 0.80";
}

TEST(MatchImageTest, OutsideTheAreaRangeNothingCounts) {
  const Box small{0, 0, 10, 10};
  const AreaRange large{96.0 * 96, 1e10};
  const auto bits = MatchImage(std::vector{Detected(small, 0.9), Detected({50, 50, 10, 10}, 0.8)},
                               std::vector{TruthBox(small)}, large);
  EXPECT_EQ(bits[0].ignored, 0b1111111111) << "matches a box to ignore";
  EXPECT_EQ(bits[1].ignored, 0b1111111111) << "matches nothing and is small itself";
}

}  // namespace
}  // namespace loupe::evaluation
