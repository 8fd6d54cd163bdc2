#include "evaluation/weighted_estimates.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "evaluation/seeded_random.h"

namespace loupe::evaluation {
namespace {

PoolSample EmptySample(int num_classes, uint64_t population) {
  const std::vector<uint64_t> none(static_cast<size_t>(num_classes), 0);
  PoolSample sample;
  sample.num_classes = num_classes;
  sample.population = population;
  sample.boxes_labelled_since = none;
  sample.known_images_with_class = none;
  return sample;
}

// Two classes, the second one rarer; boxes in clusters, and images that are hard as a whole.
std::vector<SampledImage> MakeImages(int count, uint64_t seed) {
  SeededRandom random(seed);
  std::vector<SampledImage> images(static_cast<size_t>(count));
  for (SampledImage& image : images) {
    image.true_boxes = {0, 0};
    const double found = 0.3 + 0.6 * random.Uniform();
    for (uint64_t i = random.Below(3) * random.Below(4); i > 0; --i) {
      const auto class_index = static_cast<int32_t>(random.Below(4) == 0 ? 1 : 0);
      ++image.true_boxes[static_cast<size_t>(class_index)];
      if (random.Uniform() < found) {
        image.detections.push_back({class_index, static_cast<float>(0.3 + 0.7 * random.Uniform()), true});
      }
    }
    for (uint64_t i = random.Below(3); i > 0; --i) {
      const auto class_index = static_cast<int32_t>(random.Below(2));
      image.detections.push_back({class_index, static_cast<float>(0.8 * random.Uniform()), false});
    }
  }
  return images;
}

std::vector<SampledImage> Draw(const std::vector<SampledImage>& images, size_t count, uint64_t seed) {
  SeededRandom random(seed);
  std::vector<SampledImage> drawn = images;
  for (size_t i = 0; i < count; ++i) std::swap(drawn[i], drawn[i + random.Below(drawn.size() - i)]);
  drawn.resize(count);
  return drawn;
}

// One class: `with` images with one true box, `without` images with none, nothing detected.
PoolSample OneBoxOrNone(uint32_t with, uint32_t without, uint64_t population) {
  PoolSample sample = EmptySample(1, population);
  sample.drawn.resize(with + without, {{0}, {}});
  for (uint32_t i = 0; i < with; ++i) sample.drawn[i].true_boxes = {1};
  return sample;
}

bool SameEstimate(const PoolEstimate& a, const PoolEstimate& b) {
  return a.value == b.value && a.has_interval == b.has_interval && a.low == b.low && a.high == b.high;
}

bool SameFigures(const PoolFigures& a, const PoolFigures& b) {
  return SameEstimate(a.precision, b.precision) && SameEstimate(a.recall, b.recall) &&
         SameEstimate(a.ap50, b.ap50) && SameEstimate(a.prevalence, b.prevalence) &&
         SameEstimate(a.boxes_left, b.boxes_left);
}

TEST(EstimatePoolTest, HandWorkedCase) {
  PoolSample sample = EmptySample(2, 40);
  sample.drawn = {{{2, 0}, {{0, 0.9F, true}, {0, 0.8F, false}, {1, 0.6F, false}}},
                  {{1, 1}, {{0, 0.4F, true}, {1, 0.5F, true}}},
                  {{0, 0}, {{0, 0.45F, false}}},
                  {{0, 0}, {}}};
  sample.known_images = 10;
  sample.known_images_with_boxes = 9;
  sample.known_images_with_class = {8, 3};
  sample.boxes_labelled_since = {7, 4};
  const PoolEstimates estimates = EstimatePool(sample);
  const PoolFigures& first = estimates.classes[0];
  EXPECT_DOUBLE_EQ(first.precision.value, 0.5);
  EXPECT_DOUBLE_EQ(first.recall.value, 1.0 / 3);  // what has a score of 0.4 isn't judged
  // Precision 1 to a recall of a third (34 points), then 2 of 4 to two thirds (33 points), then nothing.
  EXPECT_NEAR(first.ap50.value, (34 + 33 * 0.5) / 101, 1e-12);
  EXPECT_DOUBLE_EQ(first.prevalence.value, (8 + 2 * 10.0) / 50);  // each drawn image stands for 10
  EXPECT_DOUBLE_EQ(first.boxes_left.value, 3 * 10.0 - 3 - 7);
  const PoolFigures& second = estimates.classes[1];
  EXPECT_DOUBLE_EQ(second.precision.value, 0.5) << "a score equal to the threshold is judged";
  EXPECT_DOUBLE_EQ(second.recall.value, 1);
  EXPECT_DOUBLE_EQ(second.boxes_left.value, 10.0 - 1 - 4);
  EXPECT_DOUBLE_EQ(estimates.pooled.precision.value, 0.5);
  EXPECT_DOUBLE_EQ(estimates.pooled.recall.value, 0.5);
  EXPECT_DOUBLE_EQ(estimates.pooled.prevalence.value, (9 + 2 * 10.0) / 50)
      << "an image with both counts once";
  EXPECT_DOUBLE_EQ(estimates.pooled.boxes_left.value, 4 * 10.0 - 4 - 11);
  EXPECT_EQ(estimates.averaged_classes, 0);
  EXPECT_EQ(estimates.pooled.ap50.value, -1);
}

TEST(EstimatePoolTest, TheThresholdIsAnOption) {
  PoolSample sample = EmptySample(1, 10);
  sample.drawn = {{{2}, {{0, 0.9F, true}, {0, 0.4F, true}, {0, 0.3F, false}}}};
  EXPECT_DOUBLE_EQ(EstimatePool(sample, {.score_threshold = 0.35}).pooled.recall.value, 1);
  EXPECT_DOUBLE_EQ(EstimatePool(sample, {.score_threshold = 0.1}).pooled.precision.value, 2.0 / 3);
}

TEST(EstimatePoolTest, NoFewerBoxesAreLeftThanNone) {
  PoolSample sample = OneBoxOrNone(30, 70, 200);
  sample.boxes_labelled_since = {40};  // more than the 30 that the drawn images let expect
  const PoolEstimate left = EstimatePool(sample).classes[0].boxes_left;
  EXPECT_EQ(left.value, 0);
  EXPECT_EQ(left.low, 0);
  EXPECT_GT(left.high, 0) << "there may well be some";
}

TEST(EstimatePoolTest, NothingDrawnSaysNothing) {
  const PoolEstimates estimates = EstimatePool(EmptySample(3, 100));
  ASSERT_EQ(estimates.classes.size(), 3U);
  for (const PoolFigures& figures : estimates.classes) EXPECT_TRUE(SameFigures(figures, {}));
  EXPECT_TRUE(SameFigures(estimates.pooled, {}));
}

TEST(EstimatePoolTest, WithoutDetectionsThereIsNoPrecision) {
  const PoolFigures figures = EstimatePool(OneBoxOrNone(40, 60, 1000)).classes[0];
  EXPECT_EQ(figures.precision.value, -1);
  EXPECT_FALSE(figures.precision.has_interval);
  EXPECT_EQ(figures.recall.value, 0);
  EXPECT_EQ(figures.ap50.value, 0);
}

// By the definition: the best precision at each of 101 recalls, numpy.linspace(0, 1, 101), or beyond.
double SlowAp50(const std::vector<SampledImage>& images, int32_t class_index) {
  std::vector<SampledDetection> detections;
  double boxes = 0;
  for (const SampledImage& image : images) {
    boxes += image.true_boxes[static_cast<size_t>(class_index)];
    for (const SampledDetection& detection : image.detections) {
      if (detection.class_index == class_index) detections.push_back(detection);
    }
  }
  std::sort(detections.begin(), detections.end(),
            [](const SampledDetection& a, const SampledDetection& b) { return a.score > b.score; });
  double sum = 0;
  for (int point = 0; point <= 100; ++point) {
    double best = 0;
    double correct = 0;
    for (size_t i = 0; i < detections.size(); ++i) {
      correct += detections[i].correct ? 1 : 0;
      if (correct / boxes >= (point == 100 ? 1 : point * 0.01))
        best = std::max(best, correct / static_cast<double>(i + 1));
    }
    sum += best;
  }
  return sum / 101;
}

TEST(EstimatePoolTest, Ap50IsThatOfTheDefinition) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    PoolSample sample = EmptySample(2, 5000);
    sample.drawn = MakeImages(200, seed);
    const PoolEstimates estimates = EstimatePool(sample, {.resamples = 1});
    const double first = SlowAp50(sample.drawn, 0);
    const double second = SlowAp50(sample.drawn, 1);
    EXPECT_NEAR(estimates.classes[0].ap50.value, first, 1e-12);
    EXPECT_NEAR(estimates.classes[1].ap50.value, second, 1e-12);
    EXPECT_EQ(estimates.averaged_classes, 2);
    EXPECT_NEAR(estimates.pooled.ap50.value, (first + second) / 2, 1e-12);
  }
}

TEST(EstimatePoolTest, ASliceThatIsAllOfUHasIntervalsWithoutWidth) {
  PoolSample sample = EmptySample(2, 300);
  sample.drawn = MakeImages(300, 1);
  const PoolEstimates estimates = EstimatePool(sample, {.resamples = 50});
  for (const PoolFigures& figures : {estimates.classes[0], estimates.classes[1], estimates.pooled}) {
    for (const PoolEstimate& estimate :
         {figures.precision, figures.recall, figures.ap50, figures.prevalence, figures.boxes_left}) {
      EXPECT_TRUE(estimate.has_interval);
      EXPECT_EQ(estimate.low, estimate.value);
      EXPECT_EQ(estimate.high, estimate.value);
    }
    EXPECT_EQ(figures.boxes_left.value, 0);
  }
}

// Enough boxes in all, and of no class: AP50 has neither a value nor an interval.
TEST(EstimatePoolTest, ASliceThatIsAllOfUMayHaveThinClassesAlone) {
  PoolSample sample = EmptySample(2, 20);
  sample.drawn.resize(20, {{1, 1}, {{0, 0.9F, true}, {1, 0.8F, true}}});
  const PoolEstimates estimates = EstimatePool(sample);
  EXPECT_EQ(estimates.averaged_classes, 0);
  EXPECT_LT(estimates.pooled.ap50.value, 0);
  EXPECT_FALSE(estimates.pooled.ap50.has_interval);
  EXPECT_TRUE(estimates.pooled.recall.has_interval);
  EXPECT_EQ(estimates.pooled.recall.value, 1);
}

TEST(EstimatePoolTest, BelowThirtyBoxesThereIsNoInterval) {
  const PoolFigures thin = EstimatePool(OneBoxOrNone(29, 71, 1000)).classes[0];
  EXPECT_DOUBLE_EQ(thin.prevalence.value, 0.29);
  EXPECT_FALSE(thin.prevalence.has_interval);
  EXPECT_FALSE(thin.boxes_left.has_interval);
  EXPECT_EQ(thin.prevalence.low, -1);
  const PoolFigures enough = EstimatePool(OneBoxOrNone(30, 70, 1000)).classes[0];
  EXPECT_TRUE(enough.prevalence.has_interval);
  EXPECT_TRUE(enough.boxes_left.has_interval);
}

TEST(EstimatePoolTest, PrecisionAlsoNeedsThirtyDetections) {
  PoolSample sample = OneBoxOrNone(60, 40, 1000);
  for (size_t i = 0; i < 29; ++i) sample.drawn[i].detections = {{0, 0.9F, i % 2 == 0}};
  const PoolFigures few = EstimatePool(sample).classes[0];
  EXPECT_FALSE(few.precision.has_interval);
  EXPECT_TRUE(few.recall.has_interval);
  sample.drawn[29].detections = {{0, 0.9F, true}};
  EXPECT_TRUE(EstimatePool(sample).classes[0].precision.has_interval);
}

TEST(EstimatePoolTest, MeanAp50LeavesThinCategoriesOut) {
  PoolSample sample = EmptySample(2, 1000);
  sample.drawn.resize(80, {{0, 0}, {}});
  for (size_t i = 0; i < 40; ++i) sample.drawn[i] = {{1, 0}, {{0, 0.9F, i % 2 == 0}}};
  for (size_t i = 40; i < 69; ++i) sample.drawn[i].true_boxes = {0, 1};
  const PoolEstimates estimates = EstimatePool(sample);
  EXPECT_EQ(estimates.averaged_classes, 1);
  EXPECT_DOUBLE_EQ(estimates.pooled.ap50.value, estimates.classes[0].ap50.value);
  EXPECT_DOUBLE_EQ(estimates.pooled.recall.value, 20.0 / 69) << "its boxes count where boxes are added up";
}

TEST(EstimatePoolTest, WhatNeverDiffersHasNoInterval) {
  PoolSample sample = OneBoxOrNone(50, 50, 1000);
  for (size_t i = 0; i < 50; ++i) sample.drawn[i].detections = {{0, 0.9F, true}};
  const PoolFigures figures = EstimatePool(sample).classes[0];
  EXPECT_EQ(figures.precision.value, 1);
  EXPECT_FALSE(figures.precision.has_interval) << "50 right ones don't show that all are right";
  EXPECT_FALSE(figures.recall.has_interval);
  EXPECT_NEAR(figures.ap50.value, 1, 1e-12);
  EXPECT_FALSE(figures.ap50.has_interval);
  EXPECT_TRUE(figures.prevalence.has_interval);
  PoolSample one = OneBoxOrNone(0, 100, 1000);
  one.drawn[0] = {{40}, {{0, 0.9F, true}}};
  EXPECT_GT(EstimatePool(one).classes[0].ap50.value, 0);
  EXPECT_FALSE(EstimatePool(one).classes[0].ap50.has_interval) << "nor when rounding makes it differ";
  PoolSample alone = EmptySample(1, 1000);
  alone.drawn = {{{40}, {}}};
  EXPECT_FALSE(EstimatePool(alone).classes[0].boxes_left.has_interval) << "one image is no spread";
}

TEST(EstimatePoolTest, IntervalOfAShareHasTheWidthOfADrawWithoutReplacement) {
  for (const uint64_t population : {500, 1000, 100'000}) {
    SCOPED_TRACE(population);
    const PoolEstimate share =
        EstimatePool(OneBoxOrNone(120, 280, population), {.resamples = 4000}).classes[0].prevalence;
    const double unseen = 1 - 400.0 / static_cast<double>(population);
    const double expected = 2 * 1.96 * std::sqrt(unseen * 0.3 * 0.7 / 400);
    EXPECT_NEAR((share.high - share.low) / expected, 1, 0.07);
    EXPECT_NEAR((share.low + share.high) / 2, 0.3, 0.1 * expected);
  }
}

TEST(EstimatePoolTest, KnownImagesNarrowThePrevalence) {
  PoolSample sample = OneBoxOrNone(50, 50, 1000);
  const PoolEstimate alone = EstimatePool(sample).classes[0].prevalence;
  sample.known_images = 3000;
  sample.known_images_with_class = {900};
  const PoolEstimate beside = EstimatePool(sample).classes[0].prevalence;
  EXPECT_DOUBLE_EQ(beside.value, (900 + 500) / 4000.0);
  EXPECT_NEAR(beside.high - beside.low, (alone.high - alone.low) / 4, 1e-12);
}

TEST(EstimatePoolTest, BoxesInFewImagesMoveTheQuantilesOutwards) {
  PoolSample few = EmptySample(1, 100'000);
  few.drawn.resize(200, {{0}, {}});
  for (size_t i = 0; i < 4; ++i) few.drawn[i].true_boxes = {10};
  const PoolEstimate left = EstimatePool(few, {.resamples = 4000}).classes[0].boxes_left;
  // A resample's copies of the four are Poisson with mean 4: in 97.9 % at most 8, in 99.2 % at most 9. With a
  // variance known to 1/4 of its square there are 8 degrees of freedom, whose quantile leaves 1.1 % on a
  // side.
  EXPECT_GT(left.high, 8 * 10 * 500.0);
  EXPECT_LT(left.high, 10 * 10 * 500.0);
}

TEST(EstimatePoolTest, NumbersDependOnTheSeedButNotOnThreadsOrTheOrderOfDetections) {
  PoolSample sample = EmptySample(2, 2000);
  sample.drawn = MakeImages(300, 5);
  const PoolEstimates once = EstimatePool(sample, {.resamples = 200, .seed = 3, .threads = 1});
  for (SampledImage& image : sample.drawn) std::reverse(image.detections.begin(), image.detections.end());
  const PoolEstimates again = EstimatePool(sample, {.resamples = 200, .seed = 3, .threads = 3});
  EXPECT_TRUE(SameFigures(once.classes[0], again.classes[0]));
  EXPECT_TRUE(SameFigures(once.classes[1], again.classes[1]));
  EXPECT_TRUE(SameFigures(once.pooled, again.pooled));
  const PoolEstimates other = EstimatePool(sample, {.resamples = 200, .seed = 4});
  EXPECT_EQ(once.pooled.recall.value, other.pooled.recall.value);
  EXPECT_NE(once.pooled.recall.low, other.pooled.recall.low);
}

TEST(EstimatePoolTest, AHigherLevelGivesAWiderInterval) {
  PoolSample sample = EmptySample(2, 2000);
  sample.drawn = MakeImages(300, 6);
  const PoolEstimate narrow = EstimatePool(sample, {.level = 0.8}).pooled.recall;
  const PoolEstimate wide = EstimatePool(sample, {.level = 0.99}).pooled.recall;
  EXPECT_LT(wide.low, narrow.low);
  EXPECT_GT(wide.high, narrow.high);
}

struct Coverage {
  int held = 0;
  int intervals = 0;

  void Count(const PoolEstimate& estimate, double truth) {
    if (!estimate.has_interval) return;
    ++intervals;
    held += estimate.low <= truth && truth <= estimate.high ? 1 : 0;
  }
  double share() const { return static_cast<double>(held) / intervals; }
};

// The binomial spread of 300 redraws is 1.3 %; the bounds are three of it beyond 93 to 97 %.
TEST(EstimatePoolTest, IntervalsHoldTheTruthAboutAsOftenAsTheySay) {
  const std::vector<SampledImage> images = MakeImages(800, 7);
  PoolSample all = EmptySample(2, images.size());
  all.drawn = images;
  const PoolEstimates truth = EstimatePool(all, {.resamples = 1});
  uint64_t boxes = 0;
  for (const SampledImage& image : images) boxes += image.true_boxes[0];
  Coverage precision, recall, prevalence, ap50, mean_ap50, boxes_left;
  for (uint64_t redraw = 0; redraw < 300; ++redraw) {
    PoolSample sample = EmptySample(2, images.size());
    sample.drawn = Draw(images, 200, redraw);
    uint64_t drawn_boxes = 0;
    for (const SampledImage& image : sample.drawn) drawn_boxes += image.true_boxes[0];
    const PoolEstimates estimates = EstimatePool(sample, {.resamples = 300, .seed = redraw});
    precision.Count(estimates.pooled.precision, truth.pooled.precision.value);
    recall.Count(estimates.pooled.recall, truth.pooled.recall.value);
    prevalence.Count(estimates.pooled.prevalence, truth.pooled.prevalence.value);
    mean_ap50.Count(estimates.pooled.ap50, truth.pooled.ap50.value);
    ap50.Count(estimates.classes[1].ap50, truth.classes[1].ap50.value);
    boxes_left.Count(estimates.classes[0].boxes_left, static_cast<double>(boxes - drawn_boxes));
  }
  for (const Coverage& coverage : {precision, recall, prevalence, ap50, mean_ap50, boxes_left}) {
    EXPECT_EQ(coverage.intervals, 300);
    EXPECT_GT(coverage.share(), 0.89);
    EXPECT_LT(coverage.share(), 0.995);
  }
}

}  // namespace
}  // namespace loupe::evaluation
