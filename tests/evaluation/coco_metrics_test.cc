#include "evaluation/coco_metrics.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/evaluation/random_scene.h"
#include "tests/evaluation/slow_coco.h"

namespace loupe::evaluation {
namespace {

constexpr double kTolerance = 1e-12;

void ExpectEqual(const CocoMetrics& got, const CocoMetrics& wanted) {
  EXPECT_NEAR(got.overall.ap, wanted.overall.ap, kTolerance);
  EXPECT_NEAR(got.overall.ap50, wanted.overall.ap50, kTolerance);
  EXPECT_NEAR(got.overall.ap75, wanted.overall.ap75, kTolerance);
  EXPECT_NEAR(got.overall.ap_small, wanted.overall.ap_small, kTolerance);
  EXPECT_NEAR(got.overall.ap_medium, wanted.overall.ap_medium, kTolerance);
  EXPECT_NEAR(got.overall.ap_large, wanted.overall.ap_large, kTolerance);
  EXPECT_NEAR(got.overall.ar_1, wanted.overall.ar_1, kTolerance);
  EXPECT_NEAR(got.overall.ar_10, wanted.overall.ar_10, kTolerance);
  EXPECT_NEAR(got.overall.ar_100, wanted.overall.ar_100, kTolerance);
  EXPECT_NEAR(got.overall.ar_small, wanted.overall.ar_small, kTolerance);
  EXPECT_NEAR(got.overall.ar_medium, wanted.overall.ar_medium, kTolerance);
  EXPECT_NEAR(got.overall.ar_large, wanted.overall.ar_large, kTolerance);
  ASSERT_EQ(got.per_class.size(), wanted.per_class.size());
  for (size_t c = 0; c < got.per_class.size(); ++c) {
    EXPECT_NEAR(got.per_class[c].ap, wanted.per_class[c].ap, kTolerance);
    EXPECT_NEAR(got.per_class[c].ap50, wanted.per_class[c].ap50, kTolerance);
  }
}

TrueBox True(int image, int class_index, const Box& box) {
  TrueBox truth;
  truth.image = image;
  truth.class_index = class_index;
  truth.box = box;
  truth.area = box.width * box.height;
  return truth;
}

TEST(EvaluateCocoTest, HandWorkedPrecisionAndRecall) {
  const Box box{10, 10, 40, 40};
  const GroundTruth truth{2, 2, {True(0, 0, box), True(1, 0, box)}};
  // By score: right, wrong, right. Precision 1 up to recall 0.5 (51 points), then 2/3 (50 points).
  const std::vector<DetectedBox> detections = {
      {0, 0, box, 0.9}, {0, 0, {100, 100, 40, 40}, 0.8}, {1, 0, box, 0.7}};
  const CocoMetrics metrics = EvaluateCoco(truth, detections);
  const double wanted = (51 + 50 * 2.0 / 3) / 101;
  EXPECT_NEAR(metrics.overall.ap, wanted, kTolerance);
  EXPECT_NEAR(metrics.overall.ap50, wanted, kTolerance);
  EXPECT_NEAR(metrics.overall.ap_medium, wanted, kTolerance);
  EXPECT_EQ(metrics.overall.ap_small, -1);
  EXPECT_EQ(metrics.overall.ap_large, -1);
  EXPECT_NEAR(metrics.overall.ar_1, 1, kTolerance) << "the wrong one is the second of its image";
  EXPECT_NEAR(metrics.per_class[0].ap50, wanted, kTolerance);
  EXPECT_EQ(metrics.per_class[1].ap, -1) << "a class without true boxes is not judged";
  EXPECT_EQ(metrics.per_class[1].ap50, -1);
}

// They were counted outside the memory for counts.
TEST(EvaluateCocoTest, ABoxOutOfRangeIsRefused) {
  const Box box{10, 10, 40, 40};
  EXPECT_THROW(EvaluateCoco({2, 2, {True(0, 2, box)}}, {}), std::out_of_range);
  EXPECT_THROW(EvaluateCoco({2, 2, {True(2, 0, box)}}, {}), std::out_of_range);
  EXPECT_THROW(EvaluateCoco({2, 2, {True(-1, 0, box)}}, {}), std::out_of_range);
  const std::vector<DetectedBox> detections = {{0, 2, box, 0.9}};
  EXPECT_THROW(EvaluateCoco({2, 2, {True(0, 0, box)}}, detections), std::out_of_range);
}

TEST(EvaluateCocoTest, NothingDetectedIsZeroAndNothingToDetectIsUndefined) {
  const CocoMetrics missed = EvaluateCoco({1, 1, {True(0, 0, {0, 0, 5, 5})}}, {});
  EXPECT_EQ(missed.overall.ap, 0);
  EXPECT_EQ(missed.overall.ar_100, 0);
  const CocoMetrics empty = EvaluateCoco({1, 1, {}}, std::vector<DetectedBox>{{0, 0, {0, 0, 5, 5}, 0.5}});
  EXPECT_EQ(empty.overall.ap, -1);
  EXPECT_EQ(empty.overall.ar_100, -1);
  EXPECT_EQ(EvaluateCoco({0, 0, {}}, {}).overall.ap, -1);
}

TEST(EvaluateCocoTest, OnlyTheBestHundredOfAnImageAreLookedAt) {
  const Box box{10, 10, 40, 40};
  const GroundTruth truth{1, 1, {True(0, 0, box)}};
  std::vector<DetectedBox> detections(100, {0, 0, {100, 100, 40, 40}, 0.9});
  detections.push_back({0, 0, box, 0.1});
  EXPECT_EQ(EvaluateCoco(truth, detections).overall.ar_100, 0);
  detections.erase(detections.begin());
  EXPECT_EQ(EvaluateCoco(truth, detections).overall.ar_100, 1);
}

TEST(EvaluateCocoTest, EqualsTheDefinitionOnMadeUpScenes) {
  for (unsigned seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(seed);
    const Scene scene = MakeScene(seed);
    ExpectEqual(EvaluateCoco(scene.truth, scene.detections), slow::Evaluate(scene.truth, scene.detections));
  }
}

TEST(EvaluateCocoTest, TheNumberOfThreadsDoesNotMatter) {
  const Scene scene = MakeScene(5, 60);
  const CocoMetrics one = EvaluateCoco(scene.truth, scene.detections, 1);
  const CocoMetrics four = EvaluateCoco(scene.truth, scene.detections, 4);
  EXPECT_EQ(one.overall.ap, four.overall.ap);
  EXPECT_EQ(one.overall.ar_small, four.overall.ar_small);
}

}  // namespace
}  // namespace loupe::evaluation
