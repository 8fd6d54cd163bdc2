#include "evaluation/bootstrap.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "tests/evaluation/random_scene.h"

namespace loupe::evaluation {
namespace {

// Copies of images as images of their own, so that the ordinary metrics can judge a resample.
Scene WithCopies(const Scene& scene, const std::vector<uint32_t>& copies) {
  Scene copied;
  copied.truth.num_classes = scene.truth.num_classes;
  for (int image = 0; image < scene.truth.image_count; ++image) {
    for (uint32_t i = 0; i < copies[image]; ++i) {
      const int32_t place = copied.truth.image_count++;
      for (TrueBox box : scene.truth.boxes) {
        if (box.image != image) continue;
        box.image = place;
        copied.truth.boxes.push_back(box);
      }
      for (DetectedBox box : scene.detections) {
        if (box.image != image) continue;
        box.image = place;
        copied.detections.push_back(box);
      }
    }
  }
  return copied;
}

TEST(Ap50MatchesTest, WithEveryImageOnceIsCocosAp50) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    const Scene scene = MakeScene(seed);
    const Ap50Matches matches(scene.truth, scene.detections);
    const std::vector<uint32_t> once(scene.truth.image_count, 1);
    EXPECT_NEAR(matches.Ap50(once), EvaluateCoco(scene.truth, scene.detections).overall.ap50, 1e-12);
  }
}

TEST(Ap50MatchesTest, ACopiedImageCountsAsManyTimes) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    Scene scene = MakeScene(seed);
    std::mt19937 random(seed);
    // Without ties: which of two equal scores comes first depends on the images' order.
    for (size_t i = 0; i < scene.detections.size(); ++i)
      scene.detections[i].score += 1e-7 * static_cast<double>(i);
    std::vector<uint32_t> copies(scene.truth.image_count);
    for (uint32_t& count : copies) count = random() % 4;
    const Scene copied = WithCopies(scene, copies);
    EXPECT_NEAR(Ap50Matches(scene.truth, scene.detections).Ap50(copies),
                EvaluateCoco(copied.truth, copied.detections).overall.ap50, 1e-12);
  }
}

TEST(Ap50MatchesTest, ManySetsAtOnceAreThoseOneByOne) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    const Scene scene = MakeScene(seed);
    const Ap50Matches matches(scene.truth, scene.detections);
    std::mt19937 random(seed);
    const auto images = static_cast<size_t>(scene.truth.image_count);
    std::vector<int32_t> copies(images * Ap50Matches::kSets);
    for (int32_t& count : copies) count = static_cast<int32_t>(random() % 4);
    for (size_t i = 0; i < images; ++i) copies[i * Ap50Matches::kSets] = 0;  // a set of no image
    std::vector<double> of_sets;
    matches.Ap50PerClassOfSets(copies, of_sets);
    for (size_t s = 0; s < Ap50Matches::kSets; ++s) {
      std::vector<uint32_t> own(images);
      for (size_t i = 0; i < images; ++i) {
        own[i] = static_cast<uint32_t>(copies[i * Ap50Matches::kSets + s]);
      }
      const std::vector<double> alone = matches.Ap50PerClass(own);
      ASSERT_EQ(of_sets.size(), alone.size() * Ap50Matches::kSets);
      for (size_t c = 0; c < alone.size(); ++c) {
        EXPECT_NEAR(of_sets[c * Ap50Matches::kSets + s], alone[c], 1e-12);
      }
    }
  }
}

// Images with one box each, found with probability `rate`, and no wrong detections: AP50 is close to the
// rate.
Scene Found(int images, double rate, unsigned seed) {
  std::mt19937 random(seed);
  std::bernoulli_distribution found(rate);
  Scene scene;
  scene.truth = {images, 1, {}};
  for (int32_t image = 0; image < images; ++image) {
    TrueBox box;
    box.image = image;
    box.box = {0, 0, 10, 10};
    box.area = 100;
    scene.truth.boxes.push_back(box);
    if (found(random)) scene.detections.push_back({image, 0, box.box, 0.9});
  }
  return scene;
}

TEST(BootstrapAp50Test, IntervalHasTheWidthOfABinomialShare) {
  const Scene scene = Found(400, 0.5, 1);
  const Ap50Matches matches(scene.truth, scene.detections);
  const Estimate estimate = BootstrapAp50(matches);
  const double standard_error = std::sqrt(0.5 * 0.5 / 400);
  EXPECT_LT(estimate.low, estimate.value);
  EXPECT_GT(estimate.high, estimate.value);
  EXPECT_NEAR(estimate.high - estimate.low, 2 * 1.645 * standard_error, 0.015);
}

TEST(BootstrapAp50Test, TheSeedDecidesAndThreadsDoNot) {
  const Scene scene = Found(100, 0.6, 2);
  const Ap50Matches matches(scene.truth, scene.detections);
  const Estimate one = BootstrapAp50(matches, {.resamples = 200, .seed = 7, .threads = 1});
  const Estimate again = BootstrapAp50(matches, {.resamples = 200, .seed = 7, .threads = 3});
  const Estimate other = BootstrapAp50(matches, {.resamples = 200, .seed = 8, .threads = 1});
  EXPECT_EQ(one.low, again.low);
  EXPECT_EQ(one.high, again.high);
  EXPECT_NE(std::make_pair(one.low, one.high), std::make_pair(other.low, other.high));
}

TEST(BootstrapAp50Test, WithoutTrueBoxesThereIsNothingToJudge) {
  const Ap50Matches matches({3, 1, {}}, {});
  EXPECT_EQ(BootstrapAp50(matches).value, -1);
  const PairedEstimate paired = PairedBootstrap(matches, matches);
  EXPECT_EQ(paired.baseline, -1);
  EXPECT_EQ(paired.difference, 0);
}

TEST(BootstrapAp50Test, OneTrueBoxAmongManyImagesStillHasAnInterval) {
  Scene scene = Found(1, 1.0, 1);
  scene.truth.image_count = 30;
  const Estimate estimate = BootstrapAp50(Ap50Matches(scene.truth, scene.detections), {.resamples = 100});
  EXPECT_NEAR(estimate.low, 1, 1e-9);
  EXPECT_NEAR(estimate.high, 1, 1e-9);
}

TEST(PairedBootstrapTest, AModelAgainstItselfDiffersByNothing) {
  const Scene scene = Found(50, 0.5, 3);
  const Ap50Matches matches(scene.truth, scene.detections);
  const PairedEstimate estimate = PairedBootstrap(matches, matches);
  EXPECT_EQ(estimate.difference, 0);
  EXPECT_EQ(estimate.low, 0);
  EXPECT_EQ(estimate.high, 0);
}

TEST(PairedBootstrapTest, PairingSeesADifferenceThatSeparateIntervalsHide) {
  const Scene base = Found(300, 0.5, 4);
  Scene better = base;
  std::vector<bool> found(300);
  for (const DetectedBox& box : base.detections) found[box.image] = true;
  int added = 0;
  for (int32_t image = 0; image < 300 && added < 12; ++image) {
    if (found[image]) continue;
    better.detections.push_back({image, 0, {0, 0, 10, 10}, 0.8});
    ++added;
  }
  const Ap50Matches baseline(base.truth, base.detections);
  const Ap50Matches candidate(better.truth, better.detections);
  const PairedEstimate paired = PairedBootstrap(baseline, candidate);
  EXPECT_NEAR(paired.difference, 12.0 / 300, 0.01);
  EXPECT_GT(paired.low, 0) << "surely better";
  EXPECT_GT(BootstrapAp50(baseline).high, BootstrapAp50(candidate).low) << "the separate intervals overlap";
  const PairedEstimate reverse = PairedBootstrap(candidate, baseline);
  EXPECT_DOUBLE_EQ(reverse.difference, -paired.difference);
  EXPECT_LT(reverse.high, 0);
}

// A class alone, with the images in which it has no box.
Scene OneClassOf(const Scene& scene, int class_index) {
  Scene one;
  one.truth.image_count = scene.truth.image_count;
  one.truth.num_classes = 1;
  for (TrueBox box : scene.truth.boxes) {
    if (box.class_index != class_index) continue;
    box.class_index = 0;
    one.truth.boxes.push_back(box);
  }
  for (DetectedBox box : scene.detections) {
    if (box.class_index != class_index) continue;
    box.class_index = 0;
    one.detections.push_back(box);
  }
  return one;
}

// Each image has a box of both classes, so every resample has.
TEST(PairedBootstrapTest, EachClassHasTheIntervalThatItHasAlone) {
  Scene first = Found(60, 0.5, 1);
  Scene second = Found(60, 0.7, 2);
  const Scene other_first = Found(60, 0.6, 3);
  const Scene other_second = Found(60, 0.6, 4);
  for (const auto& [scene, other] : {std::pair(&first, &other_first), std::pair(&second, &other_second)}) {
    scene->truth.num_classes = 3;  // the last has no box
    for (TrueBox box : other->truth.boxes) {
      box.class_index = 1;
      scene->truth.boxes.push_back(box);
    }
    for (DetectedBox box : other->detections) {
      box.class_index = 1;
      scene->detections.push_back(box);
    }
  }
  const PairedEstimate paired = PairedBootstrap(Ap50Matches(first.truth, first.detections),
                                                Ap50Matches(second.truth, second.detections), {.seed = 9});
  ASSERT_EQ(paired.per_class.size(), 3U);
  for (int c = 0; c < 2; ++c) {
    const Scene alone_first = OneClassOf(first, c);
    const Scene alone_second = OneClassOf(second, c);
    const PairedEstimate alone =
        PairedBootstrap(Ap50Matches(alone_first.truth, alone_first.detections),
                        Ap50Matches(alone_second.truth, alone_second.detections), {.seed = 9});
    const PairedEstimate& of_class = paired.per_class[static_cast<size_t>(c)];
    EXPECT_DOUBLE_EQ(of_class.baseline, alone.baseline);
    EXPECT_DOUBLE_EQ(of_class.difference, alone.difference);
    EXPECT_DOUBLE_EQ(of_class.low, alone.low);
    EXPECT_DOUBLE_EQ(of_class.high, alone.high);
    EXPECT_LT(of_class.low, of_class.high);
  }
  EXPECT_NEAR(paired.difference, (paired.per_class[0].difference + paired.per_class[1].difference) / 2,
              1e-12);
  EXPECT_EQ(paired.per_class[2].baseline, -1);
}

TEST(PrecisionCurveTest, ItsMeanIsAp50) {
  for (unsigned seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(seed);
    const Scene scene = MakeScene(seed);
    const Ap50Matches matches(scene.truth, scene.detections);
    const CocoMetrics coco = EvaluateCoco(scene.truth, scene.detections);
    for (int c = 0; c < scene.truth.num_classes; ++c) {
      const auto curve = matches.PrecisionCurve(c);
      ASSERT_LE(curve.size(), 101U);
      double sum = 0;
      for (size_t i = 0; i < curve.size(); ++i) {
        EXPECT_NEAR(curve[i].recall, static_cast<double>(i) / 100, 1e-12);
        sum += curve[i].precision;
        if (i == 0) continue;
        EXPECT_LE(curve[i].precision, curve[i - 1].precision);
        EXPECT_LE(curve[i].score, curve[i - 1].score);
      }
      EXPECT_NEAR(sum / 101, std::max(coco.per_class[c].ap50, 0.0), 1e-12);
    }
  }
}

TEST(PrecisionCurveTest, TellsTheScoreThatReachesARecall) {
  GroundTruth truth{1, 1, {}};
  truth.boxes = {{0, 0, {0, 0, 10, 10}, 100}, {0, 0, {50, 0, 10, 10}, 100}};
  const std::vector<DetectedBox> detections = {
      {0, 0, {0, 0, 10, 10}, 0.9}, {0, 0, {100, 0, 10, 10}, 0.7}, {0, 0, {50, 0, 10, 10}, 0.4}};
  const auto curve = Ap50Matches(truth, detections).PrecisionCurve(0);
  ASSERT_EQ(curve.size(), 101U);
  EXPECT_EQ(curve[50].score, 0.9);
  EXPECT_EQ(curve[50].precision, 1);
  EXPECT_EQ(curve[51].score, 0.4);
  EXPECT_DOUBLE_EQ(curve[100].precision, 2 / 3.0);
}

TEST(BootstrapPerClassTest, TheMeanIsThatOfTheOtherAndAClassAloneHasItsInterval) {
  for (unsigned seed = 0; seed < 10; ++seed) {
    SCOPED_TRACE(seed);
    const Scene scene = MakeScene(seed);
    const Ap50Matches matches(scene.truth, scene.detections);
    const ClassEstimates estimates = BootstrapAp50PerClass(matches, {.resamples = 200, .seed = seed});
    const Estimate mean = BootstrapAp50(matches, {.resamples = 200, .seed = seed});
    EXPECT_EQ(estimates.mean.value, mean.value);
    EXPECT_EQ(estimates.mean.low, mean.low);
    EXPECT_EQ(estimates.mean.high, mean.high);
    ASSERT_EQ(estimates.per_class.size(), static_cast<size_t>(scene.truth.num_classes));
    for (int c = 0; c < scene.truth.num_classes; ++c) {
      Scene alone = scene;
      std::erase_if(alone.truth.boxes, [&](const TrueBox& box) { return box.class_index != c; });
      std::erase_if(alone.detections, [&](const DetectedBox& box) { return box.class_index != c; });
      const Estimate& own = estimates.per_class[c];
      EXPECT_EQ(own.value, BootstrapAp50(Ap50Matches(alone.truth, alone.detections), {.resamples = 1}).value);
      if (own.value < 0) continue;
      EXPECT_LE(own.low, own.high);
      EXPECT_GE(own.low, 0);
      EXPECT_LE(own.high, 1);
    }
  }
}

}  // namespace
}  // namespace loupe::evaluation
