#include "server/ranking/stop_advice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "evaluation/seeded_random.h"
#include "tests/server/ranking/bad_numbers.h"

namespace loupe::ranking {
namespace {

using evaluation::DetectedBox;
using evaluation::SeededRandom;
using testing::HasSubstr;

DetectedBox BoxesOfClass(int32_t image, int32_t class_index, double x, double width, double score = 0.9) {
  return {image, class_index, {x, 0, width, 10}, score};
}

TEST(MatchedF1Test, HandWorked) {
  const std::vector<DetectedBox> box = {BoxesOfClass(0, 0, 0, 10)};
  EXPECT_EQ(MatchedF1({}, {}), 1);
  EXPECT_EQ(MatchedF1(box, {}), 0);
  EXPECT_EQ(MatchedF1(box, box), 1);
  EXPECT_EQ(MatchedF1(box, std::vector{BoxesOfClass(1, 0, 0, 10)}), 0) << "another image";
  EXPECT_EQ(MatchedF1(box, std::vector{BoxesOfClass(0, 1, 0, 10)}), 0) << "another class";
  EXPECT_EQ(MatchedF1(box, std::vector{BoxesOfClass(0, 0, 0, 5)}), 1) << "IoU 0.5";
  EXPECT_EQ(MatchedF1(box, std::vector{BoxesOfClass(0, 0, 0, 4.9)}), 0) << "IoU 0.49";
  EXPECT_EQ(MatchedF1(box, std::vector{BoxesOfClass(0, 0, 0, 10, 0.5)}), 1);
  EXPECT_EQ(MatchedF1(box, std::vector{BoxesOfClass(0, 0, 0, 10, 0.49)}), 0) << "too low a score to be a box";
  EXPECT_EQ(
      MatchedF1(std::vector{BoxesOfClass(0, 0, 0, 10, 0.49)}, std::vector{BoxesOfClass(0, 0, 0, 10, kNan)}),
      1)
      << "neither has a box";
  EXPECT_DOUBLE_EQ(MatchedF1(box, std::vector{BoxesOfClass(0, 0, 0, 10), BoxesOfClass(0, 0, 0, 10)}), 2.0 / 3)
      << "one to one";
  EXPECT_DOUBLE_EQ(
      MatchedF1(std::vector{BoxesOfClass(0, 0, 0, 10), BoxesOfClass(1, 2, 5, 10), BoxesOfClass(1, 2, 50, 10)},
                std::vector{BoxesOfClass(1, 2, 6, 10), BoxesOfClass(0, 1, 0, 10), BoxesOfClass(2, 0, 0, 10),
                            BoxesOfClass(0, 0, 1, 10)}),
      4.0 / 7);
}

TEST(MatchedF1Test, TheLargestOverlapIsMatchedFirst) {
  // a0 and b0 overlap at 9/11, which leaves a1 (at 8/12 with b0) and b1 (at 7/13 with a0) to each other:
  // 4/16.
  const std::vector<DetectedBox> a = {BoxesOfClass(0, 0, 0, 10), BoxesOfClass(0, 0, 3, 10)};
  const std::vector<DetectedBox> b = {BoxesOfClass(0, 0, 1, 10), BoxesOfClass(0, 0, -3, 10)};
  EXPECT_DOUBLE_EQ(MatchedF1(a, b), 0.5);
}

// Takes the pair with the largest overlap, again and again.
double SlowF1(std::vector<DetectedBox> a, std::vector<DetectedBox> b) {
  const auto boxes = static_cast<double>(a.size() + b.size());
  double matched = 0;
  while (true) {
    double best = 0;
    size_t of_a = 0;
    size_t of_b = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      for (size_t j = 0; j < b.size(); ++j) {
        if (a[i].image != b[j].image || a[i].class_index != b[j].class_index) continue;
        const double iou = evaluation::IntersectionOverUnion(a[i].box, b[j].box);
        if (iou > best) std::tie(best, of_a, of_b) = std::tuple(iou, i, j);
      }
    }
    if (best < 0.5) return 2 * matched / boxes;
    ++matched;
    a.erase(a.begin() + static_cast<std::ptrdiff_t>(of_a));
    b.erase(b.begin() + static_cast<std::ptrdiff_t>(of_b));
  }
}

std::vector<DetectedBox> RandomBoxes(SeededRandom& random, int count, bool whole) {
  std::vector<DetectedBox> boxes;
  for (int i = 0; i < count; ++i) {
    double x = 12 * random.Uniform();
    if (whole) x = std::floor(x);
    boxes.push_back(
        BoxesOfClass(static_cast<int32_t>(random.Below(2)), static_cast<int32_t>(random.Below(2)), x, 10));
  }
  return boxes;
}

TEST(MatchedF1Test, EqualsASlowReference) {
  SeededRandom random(7);
  for (int i = 0; i < 300; ++i) {
    const std::vector<DetectedBox> a = RandomBoxes(random, 12, false);
    const std::vector<DetectedBox> b = RandomBoxes(random, 15, false);
    ASSERT_DOUBLE_EQ(MatchedF1(a, b), SlowF1(a, b)) << i;
  }
}

TEST(MatchedF1Test, IsTheSameWithTheModelsExchanged) {
  SeededRandom random(8);
  for (int i = 0; i < 2000; ++i) {
    const std::vector<DetectedBox> a = RandomBoxes(random, 10, true);  // whole numbers: many equal overlaps
    const std::vector<DetectedBox> b = RandomBoxes(random, 14, true);
    ASSERT_EQ(MatchedF1(a, b), MatchedF1(b, a)) << i;
    ASSERT_EQ(MatchedF1(a, a), 1) << i;
  }
}

StopEvidence ReadyToStop() {
  return {{0.5, 0.9, 0.905, 0.903, 0.908},
          Band{0.004, 0.001, 0.012},
          {{"scratch", 80}, {"dent", 30}},
          Band{0.61, 0.57, 0.66}};
}

TEST(AdviseStopTest, StopsWhenAllSpeaksForIt) {
  const StopAdvice advice = AdviseStop(ReadyToStop(), {});
  EXPECT_EQ(VerdictName(advice.verdict), "stop");
  ASSERT_EQ(advice.reasons.size(), 4U);
  for (const Reason& reason : advice.reasons) EXPECT_EQ(reason.verdict, Verdict::kStop) << reason.text;
  EXPECT_EQ(advice.reasons[0].text,
            "Agreement of successive models on unlabelled images is 0.9080; it rose by 0.0080 over 3 rounds: "
            "settled.");
  EXPECT_EQ(
      advice.reasons[1].text,
      "The next round is forecast to add 0.0040 to AP (90 % band 0.0010 to 0.0120), less than the 0.0100 "
      "wanted.");
  EXPECT_EQ(advice.reasons[2].text,
            "Classes with fewer than 30 boxes: 0 of 2; the fewest boxes, 30, are of dent.");
  EXPECT_EQ(advice.reasons[3].text,
            "AP50 is 0.610, with an interval from 0.570 to 0.660: 0.0900 wide, within the 0.1000 wanted.");
}

TEST(AdviseStopTest, GoesOnWhenOneSpeaksAgainstIt) {
  StopEvidence rising = ReadyToStop();
  rising.agreements.back() = 0.92;
  StopEvidence falling = ReadyToStop();
  falling.agreements.back() = 0.84;
  StopEvidence gaining = ReadyToStop();
  gaining.gain = Band{0.02, 0.01, 0.03};
  StopEvidence thin = ReadyToStop();
  thin.classes.push_back({"crack", 12});
  StopEvidence wide = ReadyToStop();
  wide.ap = Band{0.6, 0.5, 0.7};
  StopEvidence useless = ReadyToStop();
  useless.ap = Band{0.036, 0.025, 0.073};
  const std::vector<std::tuple<StopEvidence, size_t, std::string>> cases = {
      {rising, 0, "rose by 0.0200 over 3 rounds: not settled"},
      {falling, 0, "fell by 0.0600 over 3 rounds: not settled"},
      {gaining, 1, "at least the 0.0100 wanted"},
      {thin, 2, "1 of 3; the fewest boxes, 12, are of crack"},
      {wide, 3, "0.2000 wide, more than the 0.1000 wanted."},
      {useless, 3, "0.0480 wide, more than the 0.0180 wanted (half of AP50)."}};
  for (const auto& [evidence, place, text] : cases) {
    const StopAdvice advice = AdviseStop(evidence, {});
    EXPECT_EQ(VerdictName(advice.verdict), "go on") << text;
    for (size_t i = 0; i < advice.reasons.size(); ++i) {
      EXPECT_EQ(advice.reasons[i].verdict, i == place ? Verdict::kGoOn : Verdict::kStop)
          << advice.reasons[i].text;
    }
    EXPECT_THAT(advice.reasons[place].text, HasSubstr(text));
  }
}

TEST(AdviseStopTest, ItIsTooEarlyWhileSomethingIsUnknown) {
  StopEvidence young = ReadyToStop();
  young.agreements = {0.9, 0.9, 0.9};
  StopEvidence no_curve = ReadyToStop();
  no_curve.gain.reset();
  StopEvidence no_classes = ReadyToStop();
  no_classes.classes.clear();
  StopEvidence no_holdout = ReadyToStop();
  no_holdout.ap.reset();
  const std::vector<std::tuple<StopEvidence, size_t, std::string>> cases = {
      {young, 0, "takes 4 comparisons; there are 3"},
      {no_curve, 1, "no forecast"},
      {no_classes, 2, "no classes"},
      {no_holdout, 3, "holdout"}};
  for (auto [evidence, place, text] : cases) {
    const StopAdvice advice = AdviseStop(evidence, {});
    EXPECT_EQ(VerdictName(advice.verdict), "too early to say") << text;
    EXPECT_EQ(advice.reasons[place].verdict, Verdict::kTooEarly);
    EXPECT_THAT(advice.reasons[place].text, HasSubstr(text));
    evidence.classes.push_back({"crack", 0});
    EXPECT_EQ(AdviseStop(evidence, {}).verdict, Verdict::kGoOn) << "a thin class is reason enough";
  }
}

TEST(AdviseStopTest, AgreementThatFallsALittleHasSettled) {
  StopEvidence evidence = ReadyToStop();
  evidence.agreements.back() = 0.87;
  EXPECT_EQ(AdviseStop(evidence, {}).verdict, Verdict::kStop);
}

TEST(AdviseStopTest, TheUsersThresholdsDecide) {
  const StopEvidence evidence = ReadyToStop();
  EXPECT_EQ(AdviseStop(evidence, {.gain = 0.004}).verdict, Verdict::kGoOn)
      << "a gain of just as much is worth it";
  EXPECT_EQ(AdviseStop(evidence, {.gain = 0.005}).verdict, Verdict::kStop);
  EXPECT_EQ(AdviseStop(evidence, {.boxes = 31}).verdict, Verdict::kGoOn);
  EXPECT_EQ(AdviseStop(evidence, {.interval = 0.08}).verdict, Verdict::kGoOn);
}

TEST(AdviseStopTest, NanIsNeverForStop) {
  StopEvidence agreement = ReadyToStop();
  agreement.agreements.back() = kNan;
  StopEvidence gain = ReadyToStop();
  gain.gain->value = kNan;
  StopEvidence interval = ReadyToStop();
  interval.ap->low = kNan;
  for (const StopEvidence& evidence : {agreement, gain, interval}) {
    EXPECT_EQ(AdviseStop(evidence, {}).verdict, Verdict::kGoOn);
  }
  EXPECT_EQ(AdviseStop(ReadyToStop(), {.gain = kNan}).verdict, Verdict::kGoOn);
}

}  // namespace
}  // namespace loupe::ranking
