// Who is suspected, by simulated reviewers, who accept wrong boxes with a probability and, when boxes are
// shown, miss with the same probability what isn't drawn.
#include "server/quality/reviewer_alarms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "evaluation/seeded_random.h"

namespace loupe::quality {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;

constexpr int kPlantedTasks = 12;
// Of 240 assisted tasks at the default shares, about so many are of the random slice; as many are blind.
constexpr int kSliceTasks = 29;

class Simulation {
 public:
  explicit Simulation(uint64_t seed) : random_(seed) {}

  ReviewerWindow Window(double carelessness) {
    ReviewerWindow window;
    window.planted = kPlantedTasks;
    for (int i = 0; i < kPlantedTasks; ++i) window.caught += !Happens(carelessness);
    for (int i = 0; i < kSliceTasks; ++i) {
      window.shown.push_back(Answer(carelessness));
      window.blind.push_back(Answer(0));
      for (int other = 0; other < 4; ++other) window.by_all.push_back(Answer(0));
    }
    for (int i = 0; i < 240; ++i) window.seconds_a_box.push_back(1 + 4 * random_.Uniform());
    return window;
  }

  bool IsSuspected(double carelessness) { return !FindAlarms(Window(carelessness)).empty(); }

 private:
  bool Happens(double probability) { return random_.Uniform() < probability; }

  uint32_t Count(double mean) {  // Poisson
    double product = random_.Uniform();
    uint32_t count = 0;
    for (const double floor = std::exp(-mean); product > floor; product *= random_.Uniform()) ++count;
    return count;
  }

  // A model that finds four of five boxes and draws a wrong one for every four right ones.
  SlicedAnswer Answer(double carelessness) {
    constexpr double kCareless = 0.03;  // everybody, always
    SlicedAnswer answer;
    const uint32_t right = Count(2.4), wrong = Count(0.6), unseen = Count(0.6);
    answer.predicted = right + wrong;
    for (uint32_t i = 0; i < right; ++i) answer.kept += !Happens(kCareless);
    for (uint32_t i = 0; i < wrong; ++i) answer.kept += Happens(carelessness);
    for (uint32_t i = 0; i < unseen; ++i) answer.added += !Happens(std::max(kCareless, carelessness));
    answer.iou_sum = 0.9 * answer.kept;
    return answer;
  }

  evaluation::SeededRandom random_;
};

double SuspectedShare(double carelessness) {
  constexpr int kReviewers = 2000;
  Simulation simulation(static_cast<uint64_t>(100 * carelessness) + 1);
  int suspected = 0;
  for (int i = 0; i < kReviewers; ++i) suspected += simulation.IsSuspected(carelessness);
  return static_cast<double>(suspected) / kReviewers;
}

TEST(ReviewerAlarms, CarefulOnesAreRarelySuspectedAndCarelessOnesFound) {
  EXPECT_LE(SuspectedShare(0), 0.05);
  EXPECT_LE(SuspectedShare(0.1), 0.05);
  EXPECT_GE(SuspectedShare(0.5), 0.9);
  EXPECT_GT(SuspectedShare(0.3), SuspectedShare(0.1));
}

TEST(ReviewerAlarms, EightOfTwelveAreTooFew) {
  const auto alarms = [](uint32_t caught, uint32_t planted) {
    ReviewerWindow window;
    window.planted = planted;
    window.caught = caught;
    return FindAlarms(window);
  };
  EXPECT_THAT(alarms(8, 12), ElementsAre(Field(&Alarm::kind, AlarmKind::kPlantedErrorsKept)));
  EXPECT_THAT(alarms(9, 12), IsEmpty());
  EXPECT_THAT(alarms(0, 11), IsEmpty()) << "too few tasks decide nothing";
  const Interval evidence = alarms(6, 12)[0].evidence;
  EXPECT_DOUBLE_EQ(evidence.value, 0.5);
  EXPECT_NEAR(evidence.low, 0.211, 0.001);  // Clopper-Pearson's table
  EXPECT_NEAR(evidence.high, 0.789, 0.001);
  EXPECT_DOUBLE_EQ(alarms(0, 12)[0].evidence.low, 0);
}

TEST(ReviewerAlarms, WhoHasNoTimeToLookIsFound) {
  ReviewerWindow window;
  window.seconds_a_box.assign(19, 0.1);
  EXPECT_THAT(FindAlarms(window), IsEmpty());
  window.seconds_a_box.assign(40, 0.1);
  window.seconds_a_box.back() = 90;  // a pause
  EXPECT_THAT(FindAlarms(window), ElementsAre(Field(&Alarm::kind, AlarmKind::kNotLookedAt)));
  window.seconds_a_box.assign(40, 0.5);
  EXPECT_THAT(FindAlarms(window), IsEmpty());
}

TEST(ReviewerAlarms, WhatIsMissingOrKeptOnlyWhenShownIsFound) {
  ReviewerWindow window;
  for (int i = 0; i < 40; ++i) {
    const uint32_t odd = i % 2;
    window.shown.push_back({.predicted = 3, .kept = 2 + odd, .added = 0, .iou_sum = 2.0 + odd});
    window.blind.push_back({.predicted = 3, .kept = 2 + odd, .added = 1 + odd, .iou_sum = 1.6});
  }
  EXPECT_THAT(FindAlarms(window), ElementsAre(Field(&Alarm::kind, AlarmKind::kMissesWhenShown)));
  const auto comparison = CompareShownAndBlind(window.shown, window.blind, 0.95);
  ASSERT_TRUE(comparison.has_value());
  EXPECT_NEAR(comparison->misses.value, 1.5 / 4, 1e-12);
  EXPECT_NEAR(comparison->kept->value, 0, 1e-12);
  EXPECT_NEAR(comparison->placement->value, 1 - 1.6 / 2.5, 1e-12);
  EXPECT_GT(comparison->placement->low, 0.2);

  window.by_all = window.blind;
  for (SlicedAnswer& answer : window.by_all) answer.kept -= 1;
  EXPECT_THAT(FindAlarms(window), ElementsAre(Field(&Alarm::kind, AlarmKind::kMissesWhenShown),
                                              Field(&Alarm::kind, AlarmKind::kAcceptsTooMuch)));
}

TEST(ReviewerAlarms, WithTooFewImagesNothingIsCompared) {
  const std::vector<SlicedAnswer> nine(9, {.predicted = 1, .kept = 1, .added = 1, .iou_sum = 1});
  const std::vector<SlicedAnswer> ten(10, {.predicted = 1, .kept = 1, .added = 1, .iou_sum = 1});
  const std::vector<SlicedAnswer> empty(10);
  EXPECT_FALSE(CompareShownAndBlind(nine, ten, 0.95).has_value());
  EXPECT_FALSE(CompareShownAndBlind(ten, nine, 0.95).has_value());
  EXPECT_FALSE(CompareShownAndBlind(ten, empty, 0.95).has_value());
  EXPECT_TRUE(CompareShownAndBlind(ten, ten, 0.95).has_value());
}

TEST(ReviewerAlarms, OneBoxIsNoEvidence) {
  ReviewerWindow window;
  window.shown.assign(15, {0, 0, 1, 0});
  window.blind.assign(15, {0, 0, 1, 0});
  window.shown[0] = {1, 1, 1, 0.9};
  window.by_all = window.blind;
  EXPECT_TRUE(FindAlarms(window).empty());
  const auto comparison = CompareShownAndBlind(window.shown, window.blind, 0.95);
  ASSERT_TRUE(comparison.has_value());
  EXPECT_FALSE(comparison->kept.has_value()) << "nothing is predicted in the blind half";
  EXPECT_FALSE(comparison->placement.has_value());
  EXPECT_LT(comparison->misses.low, 0) << "images that are all alike are no proof of none other";
  window.blind[0] = {1, 0, 1, 0};
  window.by_all = window.blind;
  EXPECT_TRUE(FindAlarms(window).empty()) << "one image in each half";
}

}  // namespace
}  // namespace loupe::quality
