#include "server/ranking/learning_curve.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "absl/strings/str_cat.h"
#include "evaluation/seeded_random.h"
#include "tests/server/ranking/bad_numbers.h"

namespace loupe::ranking {
namespace {

using evaluation::SeededRandom;
using testing::AllOf;
using testing::Ge;
using testing::HasSubstr;
using testing::Le;

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
      {{kInfinity, 0.5, {}}, "point 2 has an n of inf"},
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
    double best = kInfinity;
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

}  // namespace
}  // namespace loupe::ranking
