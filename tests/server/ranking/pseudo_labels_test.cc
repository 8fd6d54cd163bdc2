#include "server/ranking/pseudo_labels.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "evaluation/seeded_random.h"

namespace loupe::ranking {
namespace {

using evaluation::SeededRandom;
using testing::ElementsAre;
using testing::IsEmpty;

// `count` detections, their scores falling evenly from `high` to `low`.
std::vector<JudgedDetection> Falling(int class_index, int count, double high, double low, bool correct) {
  std::vector<JudgedDetection> detections;
  for (int i = 0; i < count; ++i)
    detections.push_back({class_index, high + (low - high) * i / std::max(1, count - 1), correct});
  return detections;
}

std::vector<JudgedDetection> Joined(std::vector<JudgedDetection> first,
                                    const std::vector<JudgedDetection>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

// With nothing wrong the lower end is n / (n + z^2), z^2 = 2.7055: 24 / 26.7055 = 0.8987, 25 / 27.7055 =
// 0.9023.
TEST(PseudoThresholdsTest, TwentyFiveRightOnesAreEnough) {
  EXPECT_FALSE(PseudoThresholds(Falling(0, 24, 0.99, 0.5, true), 1, 0.9)[0].min_score.has_value());
  const PseudoThreshold threshold = PseudoThresholds(Falling(0, 25, 0.99, 0.5, true), 1, 0.9)[0];
  EXPECT_EQ(threshold.min_score, 0.5);
  EXPECT_EQ(threshold.judged, 25);
  EXPECT_EQ(threshold.correct, 25);
}

// Forty right, then ten wrong: 40 of 43 have a lower end of 0.840, 40 of 41 one of 0.899, 40 of 40 one of
// 0.937.
TEST(PseudoThresholdsTest, EndsWhereWrongOnesBegin) {
  const PseudoThreshold threshold =
      PseudoThresholds(Joined(Falling(0, 40, 0.9, 0.6, true), Falling(0, 10, 0.5, 0.4, false)), 1, 0.9)[0];
  EXPECT_EQ(threshold.min_score, 0.6);
  EXPECT_EQ(threshold.judged, 40);
}

TEST(PseudoThresholdsTest, AWrongOneAtTheTopIsOutweighed) {
  const auto first = Falling(0, 1, 0.99, 0.99, false);
  EXPECT_FALSE(PseudoThresholds(Joined(first, Falling(0, 40, 0.9, 0.5, true)), 1, 0.9)[0].min_score);
  const PseudoThreshold threshold =
      PseudoThresholds(Joined(first, Falling(0, 60, 0.9, 0.5, true)), 1, 0.9)[0];
  EXPECT_EQ(threshold.min_score, 0.5);
  EXPECT_EQ(threshold.judged, 61);
  EXPECT_EQ(threshold.correct, 60);
}

TEST(PseudoThresholdsTest, EqualScoresStandOrFallTogether) {
  const auto tied = Joined(Falling(0, 30, 0.8, 0.8, true), Falling(0, 30, 0.8, 0.8, false));
  EXPECT_FALSE(PseudoThresholds(tied, 1, 0.9)[0].min_score.has_value());
}

TEST(PseudoThresholdsTest, ClassesAreByThemselves) {
  const auto thresholds =
      PseudoThresholds(Joined(Falling(0, 50, 0.75, 0.25, true), Falling(2, 50, 0.75, 0.25, false)), 3, 0.9);
  EXPECT_EQ(thresholds[0].min_score, 0.25);
  EXPECT_FALSE(thresholds[1].min_score.has_value());
  EXPECT_FALSE(thresholds[2].min_score.has_value());
}

TEST(PseudoThresholdsTest, NeverBelowTheFloor) {
  EXPECT_FALSE(PseudoThresholds(Falling(0, 100, 0.09, 0.01, true), 1, 0.9)[0].min_score.has_value());
}

TEST(PseudoThresholdsTest, NothingKnownTakesNothing) {
  EXPECT_FALSE(PseudoThresholds({}, 1, 0.9)[0].min_score.has_value());
  EXPECT_THAT(PseudoThresholds({}, 0, 0.9), IsEmpty());
}

// On fresh detections of the same model, the share that is right must be about what was asked for.
TEST(PseudoThresholdsTest, HoldsOnFreshDetections) {
  int judged = 0, kept = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SeededRandom random(seed);
    // Right with the probability sqrt(score): the share from a score up is 0.9 at about 0.72.
    const auto draw = [&random](int count) {
      std::vector<JudgedDetection> detections;
      for (int i = 0; i < count; ++i) {
        const double score = random.Uniform();
        detections.push_back({0, score, random.Uniform() < std::sqrt(score)});
      }
      return detections;
    };
    const auto threshold = PseudoThresholds(draw(400), 1, 0.9)[0];
    if (!threshold.min_score.has_value()) continue;
    ++judged;
    int above = 0, right = 0;
    for (const JudgedDetection& detection : draw(5000)) {
      if (detection.score < *threshold.min_score) continue;
      ++above;
      right += detection.correct ? 1 : 0;
    }
    kept += right >= 0.89 * above ? 1 : 0;
  }
  EXPECT_GE(judged, 100);
  EXPECT_GE(kept, 0.9 * judged);
}

PseudoThreshold From(double score) { return {score, 100, 100}; }

TEST(ChoosePseudoLabelsTest, TakesTheBestOfEachClassUpToWhatPeopleDrew) {
  const std::vector<PseudoCandidate> candidates = {{7, {0, 0, 1}, {0.95F, 0.7F, 0.99F}},
                                                   {3, {0, 1}, {0.9F, 0.5F}}};
  const std::vector<PseudoThreshold> thresholds = {From(0.6), From(0.6)};
  EXPECT_THAT(ChoosePseudoLabels(candidates, thresholds, std::vector<int64_t>{2, 5}),
              ElementsAre(ElementsAre(true, false, true), ElementsAre(true, false)));
  EXPECT_THAT(ChoosePseudoLabels(candidates, thresholds, std::vector<int64_t>{9, 0}),
              ElementsAre(ElementsAre(true, true, false), ElementsAre(true, false)));
}

TEST(ChoosePseudoLabelsTest, AClassWithoutThresholdTakesNothing) {
  const std::vector<PseudoCandidate> candidates = {{1, {0, 1}, {1.0F, 1.0F}}};
  EXPECT_THAT(
      ChoosePseudoLabels(candidates, std::vector<PseudoThreshold>{{}, From(0.5)}, std::vector<int64_t>{9, 9}),
      ElementsAre(ElementsAre(false, true)));
}

TEST(ChoosePseudoLabelsTest, OrderOfImagesChangesNothing) {
  SeededRandom random(5);
  std::vector<PseudoCandidate> candidates;
  for (int64_t id = 1; id <= 50; ++id) {
    PseudoCandidate& candidate = candidates.emplace_back();
    candidate.image_id = id;
    for (int box = 0; box < 4; ++box) {
      candidate.class_indices.push_back(static_cast<int32_t>(random.Below(2)));
      candidate.scores.push_back(static_cast<float>(random.Below(5)) / 5);  // many ties
    }
  }
  const std::vector<PseudoThreshold> thresholds = {From(0.3), From(0.5)};
  const std::vector<int64_t> most = {20, 30};
  const auto forward = ChoosePseudoLabels(candidates, thresholds, most);
  std::reverse(candidates.begin(), candidates.end());
  auto backward = ChoosePseudoLabels(candidates, thresholds, most);
  std::reverse(backward.begin(), backward.end());
  EXPECT_EQ(forward, backward);
  int64_t taken = 0;
  for (const auto& image : forward) taken += std::count(image.begin(), image.end(), true);
  EXPECT_EQ(taken, 50);
}

}  // namespace
}  // namespace loupe::ranking
