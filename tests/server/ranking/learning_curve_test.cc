#include "server/ranking/learning_curve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "evaluation/seeded_random.h"

namespace loupe::ranking {
namespace {

using evaluation::DetectedBox;
using evaluation::SeededRandom;
using testing::AllOf;
using testing::Ge;
using testing::HasSubstr;
using testing::Le;

const double kNan = std::numeric_limits<double>::quiet_NaN();
const double kInfinite = std::numeric_limits<double>::infinity();

// [count] points at n = 100, 200 … on a curve.
std::vector<CurvePoint> PointsOn(const PowerLaw& law, int count) {
  std::vector<CurvePoint> points;
  for (int i = 1; i <= count; ++i) {
    const double n = 100.0 * i;
    points.push_back({n, 1 - law.a * std::pow(n, -law.beta) - law.c, std::nullopt});
  }
  return points;
}

std::vector<CurvePoint> Measured(const std::vector<double>& aps) {
  std::vector<CurvePoint> points(aps.size());
  for (size_t i = 0; i < aps.size(); ++i)
    points[i] = {100.0 * static_cast<double>(i + 1), aps[i], std::nullopt};
  return points;
}

double Normal(SeededRandom& random) {
  const double radius = std::sqrt(-2 * std::log(1 - random.Uniform()));
  return radius * std::cos(2 * std::numbers::pi * random.Uniform());
}

std::vector<CurvePoint> Noisy(std::vector<CurvePoint> points, double deviation, SeededRandom& random) {
  for (CurvePoint& point : points) point.ap = std::clamp(point.ap + deviation * Normal(random), 0.0, 1.0);
  return points;
}

LearningCurve Fitted(const std::vector<CurvePoint>& points, int resamples = 200, uint64_t seed = 0) {
  absl::StatusOr<LearningCurve> curve = FitLearningCurve(points, {resamples, seed});
  EXPECT_TRUE(curve.ok()) << curve.status();
  return curve.ok() ? *std::move(curve) : LearningCurve{{}, false, {PowerLaw{}}};
}

double Width(const Band& band) { return band.high - band.low; }

TEST(FitLearningCurveTest, FindsTheCurveThatExactPointsLieOn) {
  for (const PowerLaw& law : {PowerLaw{4, 0.5, 0.2}, PowerLaw{1.5, 0.25, 0.1}, PowerLaw{30, 1, 0.3},
                              PowerLaw{2, 0.3, 0}, PowerLaw{2000, 1.8, 0.05}}) {
    for (const int count : {5, 8, 15}) {
      const LearningCurve curve = Fitted(PointsOn(law, count), 10);
      EXPECT_FALSE(curve.c_fixed);
      EXPECT_NEAR(curve.law.beta, law.beta, 1e-3);
      EXPECT_NEAR(curve.law.c, law.c, 1e-3);
      EXPECT_NEAR(curve.law.a / law.a, 1, 1e-2);
      for (const double n : {100.0, 1000.0, 20000.0}) {
        EXPECT_NEAR(curve.Forecast(n).value, 1 - law.a * std::pow(n, -law.beta) - law.c, 1e-4);
      }
    }
  }
}

TEST(FitLearningCurveTest, FourSizesFixCAtZeroAndFiveFreeIt) {
  const PowerLaw without = {3, 0.4, 0};
  const LearningCurve exact = Fitted(PointsOn(without, 4), 10);
  EXPECT_TRUE(exact.c_fixed);
  EXPECT_NEAR(exact.law.beta, 0.4, 1e-5);
  EXPECT_NEAR(exact.law.a, 3, 1e-4);

  const PowerLaw with = {4, 0.5, 0.2};
  std::vector<CurvePoint> points = PointsOn(with, 4);
  EXPECT_EQ(Fitted(points).law.c, 0);
  points.push_back(points.back());
  EXPECT_TRUE(Fitted(points).c_fixed) << "a second model on as many labels is no further size";
  points.push_back(PointsOn(with, 5).back());
  EXPECT_FALSE(Fitted(points).c_fixed);
  EXPECT_NEAR(Fitted(points).law.c, 0.2, 1e-3);
}

TEST(FitLearningCurveTest, SaysHowManyRoundsAreMissing) {
  const std::vector<CurvePoint> points = PointsOn({4, 0.5, 0.2}, 4);
  for (size_t count = 0; count < 4; ++count) {
    const absl::Status status = FitLearningCurve(std::span(points).first(count), {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(status.message(),
                HasSubstr("5 rounds with different numbers of labels, or 4 with c fixed at 0"));
    EXPECT_THAT(status.message(),
                HasSubstr(absl::StrCat("there are ", count, ", so at least ", 4 - count, " more")));
  }
  const std::vector<CurvePoint> repeated = {points[0], points[0], points[1], points[2], points[2]};
  EXPECT_EQ(FitLearningCurve(repeated, {}).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(FitLearningCurveTest, NamesThePointThatIsOutOfRange) {
  const std::vector<std::pair<CurvePoint, std::string>> faults = {
      {{0, 0.5, {}}, "point 2 has an n of 0"},
      {{-3, 0.5, {}}, "point 2 has an n of -3"},
      {{kNan, 0.5, {}}, "point 2 has an n of nan"},
      {{kInfinite, 0.5, {}}, "point 2 has an n of inf"},
      {{250, 1.01, {}}, "point 2 has an AP of 1.01"},
      {{250, -1, {}}, "point 2 has an AP of -1"},
      {{250, kNan, {}}, "point 2 has an AP of nan"},
      {{250, 0.5, -0.1}, "point 2 has a standard error of -0.1"},
      {{250, 0.5, kNan}, "point 2 has a standard error of nan"}};
  for (const auto& [fault, message] : faults) {
    std::vector<CurvePoint> points = PointsOn({4, 0.5, 0.2}, 6);
    points[2] = fault;
    const absl::Status status = FitLearningCurve(points, {}).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << message;
    EXPECT_THAT(status.message(), HasSubstr(message));
  }
}

double Misfit(const std::vector<CurvePoint>& points, const PowerLaw& law) {
  double misfit = 0;
  for (const CurvePoint& point : points) {
    const double residual = 1 - point.ap - law.a * std::pow(point.n, -law.beta) - law.c;
    misfit += residual * residual / (std::pow(*point.standard_error, 2) + 1e-4);
  }
  return misfit;
}

TEST(FitLearningCurveTest, NoCurveOfAFineGridFitsBetter) {
  for (uint64_t seed = 0; seed < 8; ++seed) {
    SeededRandom random(seed);
    std::vector<CurvePoint> points = Noisy(PointsOn({3, 0.4, 0.1}, 6), 0.03, random);
    for (CurvePoint& point : points) point.standard_error = 0.01 + 0.04 * random.Uniform();
    const LearningCurve curve = Fitted(points, 1);
    const double misfit = Misfit(points, curve.law);
    double best = kInfinite;
    for (int i = 0; i < 50 * 50 * 50; ++i) {
      const int c_step = i / 2500;
      const int start_step = i / 50 % 50;
      const double beta = 0.04 * (i % 50);
      const double a = 0.02 * start_step * std::pow(100, beta);  // the error above c at n = 100 is 0.02·step
      best = std::min(best, Misfit(points, {a, beta, 0.02 * c_step}));
    }
    EXPECT_LE(misfit, best * (1 + 1e-9));
    EXPECT_GE(misfit, best / 2 - 0.5) << "the grid comes close";
  }
}

TEST(FitLearningCurveTest, AnApThatDoesNotRiseGivesAFlatCurve) {
  std::vector<std::vector<double>> cases = {{0.7, 0.65, 0.6, 0.55, 0.5}, {0.7, 0.65, 0.55, 0.5}};
  for (int i = 0; i <= 20; ++i) cases.emplace_back(5, 0.05 * i);
  for (const std::vector<double>& aps : cases) {
    double mean = 0;
    for (const double ap : aps) mean += ap / static_cast<double>(aps.size());
    const LearningCurve curve = Fitted(Measured(aps));
    EXPECT_EQ(curve.law.beta, 0);
    EXPECT_EQ(curve.law.a == 0, !curve.c_fixed) << "where c is free, it is the whole error";
    for (const double n : {10.0, 500.0, 1e6}) EXPECT_NEAR(curve.Forecast(n).value, mean, 1e-9);
    const Band gain = curve.ForecastGain(500, 600);
    EXPECT_NEAR(gain.value, 0, 1e-9);
    EXPECT_LE(gain.low, 0);
    EXPECT_GE(gain.high, 0);
  }
}

TEST(FitLearningCurveTest, APointCountsByItsStandardError) {
  const PowerLaw law = {4, 0.5, 0.2};
  std::vector<CurvePoint> points = PointsOn(law, 8);
  for (CurvePoint& point : points) point.standard_error = 0.01;
  points[3].ap -= 0.2;
  const double truth = law.Ap(800);
  const double misled = std::abs(Fitted(points).Forecast(800).value - truth);
  points[3].standard_error = 0.5;
  const LearningCurve weighted = Fitted(points);
  EXPECT_LT(std::abs(weighted.Forecast(800).value - truth), 0.002);
  EXPECT_GT(misled, 0.02);

  std::vector<CurvePoint> partly = points;
  partly[0].standard_error.reset();
  for (CurvePoint& point : points) point.standard_error.reset();
  EXPECT_EQ(Fitted(partly).law.c, Fitted(points).law.c) << "used only when all points have one";
}

TEST(FitLearningCurveTest, AFirstModelThatFindsNothingDoesNotRuleTheFit) {
  std::vector<CurvePoint> points = Measured({0, 0.35, 0.45, 0.5, 0.53, 0.55});
  for (CurvePoint& point : points) point.standard_error = 0.03;
  points[0].standard_error = 0;
  EXPECT_NEAR(Fitted(points).Forecast(600).value, 0.55, 0.03);
}

TEST(FitLearningCurveTest, SecondsGiveTheSameCurveAsImagesOfEqualCost) {
  SeededRandom random(4);
  std::vector<CurvePoint> points = Noisy(PointsOn({4, 0.5, 0.2}, 7), 0.01, random);
  const LearningCurve images = Fitted(points);
  for (CurvePoint& point : points) point.n *= 37.5;
  const LearningCurve seconds = Fitted(points);
  EXPECT_NEAR(seconds.law.beta, images.law.beta, 1e-5);
  for (const double n : {350.0, 1400.0}) {
    EXPECT_NEAR(seconds.Forecast(n * 37.5).value, images.Forecast(n).value, 1e-6);
    EXPECT_NEAR(seconds.Forecast(n * 37.5).low, images.Forecast(n).low, 1e-4);
  }
}

TEST(FitLearningCurveTest, TheOrderOfPointsDoesNotMoveTheCurve) {
  SeededRandom random(5);
  std::vector<CurvePoint> points = Noisy(PointsOn({4, 0.5, 0.2}, 7), 0.01, random);
  const double value = Fitted(points).Forecast(1500).value;
  std::reverse(points.begin(), points.end());
  EXPECT_NEAR(Fitted(points).Forecast(1500).value, value, 1e-6);
}

TEST(FitLearningCurveTest, TheSeedDecidesTheBand) {
  const std::vector<CurvePoint> points = Measured({0.3, 0.42, 0.46, 0.52, 0.53});
  const Band band = Fitted(points, 200, 1).Forecast(1000);
  const Band again = Fitted(points, 200, 1).Forecast(1000);
  const Band other = Fitted(points, 200, 2).Forecast(1000);
  EXPECT_EQ(band.low, again.low);
  EXPECT_EQ(band.high, again.high);
  EXPECT_EQ(band.value, other.value);
  EXPECT_NE(band.low, other.low);
  EXPECT_NEAR(band.low, other.low, 0.05);
}

TEST(ForecastTest, TheBandHoldsItsValueWithinZeroAndOneAndWidensBeyondThePoints) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    SeededRandom random(seed);
    const PowerLaw law = {1 + 4 * random.Uniform(), 0.1 + 0.6 * random.Uniform(), 0.3 * random.Uniform()};
    const int count = 4 + static_cast<int>(random.Below(5));
    const LearningCurve curve = Fitted(Noisy(PointsOn(law, count), 0.02, random), 300);
    for (const double n : {1.0, 50.0, 150.0, 1000.0, 1e5, 1e9}) {
      const Band band = curve.Forecast(n);
      EXPECT_THAT(band.low, AllOf(Ge(0), Le(band.value)));
      EXPECT_THAT(band.high, AllOf(Ge(band.value), Le(1)));
    }
    const double last = 100.0 * count;
    EXPECT_LT(Width(curve.Forecast(last)), Width(curve.Forecast(2 * last))) << seed;
    EXPECT_LT(Width(curve.Forecast(2 * last)), Width(curve.Forecast(4 * last))) << seed;
  }
}

TEST(ForecastTest, AGainIsTheDifferenceOfForecasts) {
  const LearningCurve curve = Fitted(Measured({0.3, 0.42, 0.46, 0.52, 0.53, 0.56}));
  const Band gain = curve.ForecastGain(600, 700);
  EXPECT_DOUBLE_EQ(gain.value, curve.Forecast(700).value - curve.Forecast(600).value);
  EXPECT_GT(gain.value, 0);
  EXPECT_GE(gain.low, 0) << "no curve of the band falls";
  EXPECT_LT(Width(gain), Width(curve.Forecast(700))) << "curves that are high at 600 are high at 700 too";
  EXPECT_EQ(Width(curve.ForecastGain(600, 600)), 0);
}

TEST(ForecastTest, CurvesOfTheBandGiveItsQuantiles) {
  LearningCurve curve{{0, 0, 0.5}, false, {}};
  for (int i = 0; i <= 100; ++i) curve.redrawn.push_back({0, 0, 0.01 * i});
  EXPECT_NEAR(curve.Forecast(10).low, 0.05, 1e-12);
  EXPECT_NEAR(curve.Forecast(10).high, 0.95, 1e-12);
  curve.law.c = 0;
  EXPECT_EQ(curve.Forecast(10).high, 1) << "a band holds its value";
  curve.law.c = 1;
  EXPECT_EQ(curve.Forecast(10).low, 0) << "a band holds its value";
}

// Share of made-up projects whose band holds the true curve at 1.2 and at 4 times the last n.
double Coverage(int count, bool errors_known) {
  int held = 0;
  int bands = 0;
  for (const PowerLaw& law :
       {PowerLaw{4, 0.5, 0.2}, PowerLaw{1.5, 0.25, 0}, PowerLaw{20, 1, 0.3}, PowerLaw{3, 0.4, 0.05}}) {
    for (int project = 0; project < 50; ++project) {
      SeededRandom random(static_cast<uint64_t>(bands));
      std::vector<CurvePoint> points = Noisy(PointsOn(law, count), 0.02, random);
      if (errors_known) {
        for (CurvePoint& point : points) point.standard_error = 0.02;
      }
      const LearningCurve curve = Fitted(points, 100);
      for (const double times : {1.2, 4.0}) {
        const Band band = curve.Forecast(100 * count * times);
        const double truth = law.Ap(100 * count * times);
        if (band.low <= truth && truth <= band.high) ++held;
        ++bands;
      }
    }
  }
  return static_cast<double>(held) / bands;
}

TEST(ForecastTest, BandsHoldTheTrueCurve) {
  for (const bool errors_known : {true, false}) {
    for (const int count : {5, 8}) {
      const double coverage = Coverage(count, errors_known);
      EXPECT_THAT(coverage, AllOf(Ge(0.85), Le(0.98))) << errors_known << " " << count;
    }
  }
}

TEST(StandardErrorTest, IsANormalDistributionsNinetyPercent) {
  EXPECT_NEAR(StandardError(0.55, 0.65), 0.0304, 1e-4);
  EXPECT_EQ(StandardError(0.5, 0.5), 0);
}

DetectedBox Box(int32_t image, int32_t category, double x, double width, double score = 0.9) {
  return {image, category, {x, 0, width, 10}, score};
}

TEST(MatchedF1Test, HandWorked) {
  const std::vector<DetectedBox> box = {Box(0, 0, 0, 10)};
  EXPECT_EQ(MatchedF1({}, {}), 1);
  EXPECT_EQ(MatchedF1(box, {}), 0);
  EXPECT_EQ(MatchedF1(box, box), 1);
  EXPECT_EQ(MatchedF1(box, std::vector{Box(1, 0, 0, 10)}), 0) << "another image";
  EXPECT_EQ(MatchedF1(box, std::vector{Box(0, 1, 0, 10)}), 0) << "another class";
  EXPECT_EQ(MatchedF1(box, std::vector{Box(0, 0, 0, 5)}), 1) << "IoU 0.5";
  EXPECT_EQ(MatchedF1(box, std::vector{Box(0, 0, 0, 4.9)}), 0) << "IoU 0.49";
  EXPECT_EQ(MatchedF1(box, std::vector{Box(0, 0, 0, 10, 0.5)}), 1);
  EXPECT_EQ(MatchedF1(box, std::vector{Box(0, 0, 0, 10, 0.49)}), 0) << "too low a score to be a box";
  EXPECT_EQ(MatchedF1(std::vector{Box(0, 0, 0, 10, 0.49)}, std::vector{Box(0, 0, 0, 10, kNan)}), 1)
      << "neither has a box";
  EXPECT_DOUBLE_EQ(MatchedF1(box, std::vector{Box(0, 0, 0, 10), Box(0, 0, 0, 10)}), 2.0 / 3) << "one to one";
  EXPECT_DOUBLE_EQ(
      MatchedF1(std::vector{Box(0, 0, 0, 10), Box(1, 2, 5, 10), Box(1, 2, 50, 10)},
                std::vector{Box(1, 2, 6, 10), Box(0, 1, 0, 10), Box(2, 0, 0, 10), Box(0, 0, 1, 10)}),
      4.0 / 7);
}

TEST(MatchedF1Test, TheLargestOverlapIsMatchedFirst) {
  // a0 and b0 overlap at 9/11, which leaves a1 (at 8/12 with b0) and b1 (at 7/13 with a0) to each other:
  // 4/16.
  const std::vector<DetectedBox> a = {Box(0, 0, 0, 10), Box(0, 0, 3, 10)};
  const std::vector<DetectedBox> b = {Box(0, 0, 1, 10), Box(0, 0, -3, 10)};
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
        if (a[i].image != b[j].image || a[i].category != b[j].category) continue;
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
    boxes.push_back(Box(static_cast<int32_t>(random.Below(2)), static_cast<int32_t>(random.Below(2)), x, 10));
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
            "AP is 0.610, with an interval from 0.570 to 0.660: 0.0900 wide, within the 0.1000 wanted.");
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
  const std::vector<std::tuple<StopEvidence, size_t, std::string>> cases = {
      {rising, 0, "rose by 0.0200 over 3 rounds: not settled"},
      {falling, 0, "fell by 0.0600 over 3 rounds: not settled"},
      {gaining, 1, "at least the 0.0100 wanted"},
      {thin, 2, "1 of 3; the fewest boxes, 12, are of crack"},
      {wide, 3, "0.2000 wide, more than the 0.1000 wanted"}};
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
