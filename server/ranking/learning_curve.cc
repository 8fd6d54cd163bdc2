#include "server/ranking/learning_curve.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <set>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "evaluation/seeded_random.h"

namespace loupe::ranking {
namespace {

using evaluation::SeededRandom;

constexpr double kLevel = 0.9;
constexpr double kSteepest = 2;
constexpr size_t kSizesWithFixedC = 4;
// Standard deviation of AP between trainings on the same number of labels; 0.02 on NEU-DET with a few
// hundred. It also limits the weight of a first model that finds nothing, whose interval has width 0.
constexpr double kTrainingScatter = 0.01;
constexpr double kFitRounding = 1e-9;

// What is fitted, one entry per point.
struct Sample {
  std::vector<double> log_n;
  std::vector<double> errors;      // 1 - AP
  std::vector<double> deviations;  // standard errors of `errors`
};

struct Fitted {
  PowerLaw law;
  double misfit = std::numeric_limits<double>::infinity();  // Σ (residual / deviation)²
};

double ErrorAt(const PowerLaw& law, double log_n) { return law.a * std::exp(-law.beta * log_n) + law.c; }

// Least squares with a, c >= 0. The misfit is convex in a and c, so if the best c is negative, take 0.
Fitted FitWithBeta(const Sample& sample, double beta, bool c_fixed) {
  struct {
    double w, x, y, xx, xy;
  } sum = {};
  for (size_t i = 0; i < sample.log_n.size(); ++i) {
    const double weight = 1 / (sample.deviations[i] * sample.deviations[i]);
    const double x = std::exp(-beta * sample.log_n[i]);
    sum.w += weight;
    sum.x += weight * x;
    sum.y += weight * sample.errors[i];
    sum.xx += weight * x * x;
    sum.xy += weight * x * sample.errors[i];
  }
  PowerLaw law = {std::max(sum.xy / sum.xx, 0.0), beta, 0};
  const double spread = sum.w * sum.xx - sum.x * sum.x;
  if (!c_fixed && spread > kFitRounding * sum.w * sum.xx) {
    const double a = std::max((sum.w * sum.xy - sum.x * sum.y) / spread, 0.0);
    const double c = (sum.y - a * sum.x) / sum.w;
    if (c >= 0) law = {a, beta, c};
  }
  double misfit = 0;
  for (size_t i = 0; i < sample.log_n.size(); ++i) {
    misfit += std::pow((sample.errors[i] - ErrorAt(law, sample.log_n[i])) / sample.deviations[i], 2);
  }
  return {law, misfit};
}

// Searches β on an even grid, then on finer grids around the best so far.
Fitted Fit(const Sample& sample, bool c_fixed) {
  constexpr int kSteps = 40;
  Fitted best;
  double low = 0;
  double high = kSteepest;
  while (high - low > 1e-6) {
    const double step = (high - low) / kSteps;
    for (int k = 0; k <= kSteps; ++k) {
      const Fitted candidate = FitWithBeta(sample, low + k * step, c_fixed);
      if (candidate.misfit < best.misfit) best = candidate;
    }
    low = std::max(best.law.beta - step, 0.0);
    high = std::min(best.law.beta + step, kSteepest);
  }
  const auto [first, last] = std::minmax_element(sample.log_n.begin(), sample.log_n.end());
  const double start = ErrorAt(best.law, *first);
  const bool flat = start - ErrorAt(best.law, *last) < kFitRounding;
  if (flat) best.law = c_fixed ? PowerLaw{start, 0, 0} : PowerLaw{0, 0, start};
  return best;
}

double Normal(SeededRandom& random) {  // Box and Muller's method
  const double radius = std::sqrt(-2 * std::log(1 - random.Uniform()));
  return radius * std::cos(2 * std::numbers::pi * random.Uniform());
}

// New points around the fitted curve, drawn as FitLearningCurve describes.
Sample Redraw(const Sample& sample, const Fitted& fitted, size_t degrees_of_freedom, SeededRandom random) {
  double scale = 1;
  if (fitted.misfit > static_cast<double>(degrees_of_freedom)) {
    double chance = 0;
    for (size_t i = 0; i < degrees_of_freedom; ++i) chance += std::pow(Normal(random), 2);
    scale = std::max(scale, std::sqrt(fitted.misfit / chance));
  }
  Sample redrawn = sample;
  for (size_t i = 0; i < sample.log_n.size(); ++i) {
    redrawn.errors[i] = ErrorAt(fitted.law, sample.log_n[i]) + scale * sample.deviations[i] * Normal(random);
  }
  return redrawn;
}

Sample SampleOf(std::span<const CurvePoint> points) {
  const bool known = std::all_of(points.begin(), points.end(),
                                 [](const CurvePoint& each) { return each.standard_error.has_value(); });
  Sample sample;
  for (const CurvePoint& point : points) {
    sample.log_n.push_back(std::log(point.n));
    sample.errors.push_back(1 - point.ap);
    sample.deviations.push_back(std::hypot(known ? *point.standard_error : 0, kTrainingScatter));
  }
  return sample;
}

// The number of different n.
// Errors: as FitLearningCurve.
absl::StatusOr<size_t> CountSizes(std::span<const CurvePoint> points) {
  std::set<double> sizes;
  for (size_t i = 0; i < points.size(); ++i) {
    const auto& [n, ap, standard_error] = points[i];
    const double error = standard_error.value_or(0);
    std::string fault;
    if (!(n > 0) || std::isinf(n)) fault = absl::StrCat("an n of ", n, ", not a number above 0");
    if (!(ap >= 0 && ap <= 1)) fault = absl::StrCat("an AP of ", ap, ", not within 0 and 1");
    if (!(error >= 0 && error <= 1))
      fault = absl::StrCat("a standard error of ", error, ", not within 0 and 1");
    if (!fault.empty()) return absl::InvalidArgumentError(absl::StrCat("point ", i, " has ", fault));
    sizes.insert(n);
  }
  if (sizes.size() >= kSizesWithFixedC) return sizes.size();
  return absl::FailedPreconditionError(
      absl::StrFormat("a forecast needs 5 rounds with different numbers of labels, or 4 with c fixed at 0 "
                      "(as if enough labels led to AP 1); there are %d, so at least %d more",
                      sizes.size(), kSizesWithFixedC - sizes.size()));
}

// figure(law), with its band from the redrawn curves.
template <typename Figure>
Band BandOf(const PowerLaw& law, std::span<const PowerLaw> redrawn, const Figure& figure) {
  std::vector<double> sorted;
  for (const PowerLaw& each : redrawn) sorted.push_back(figure(each));
  std::sort(sorted.begin(), sorted.end());
  const auto quantile = [&](double p) {
    return sorted[static_cast<size_t>(std::lround(p * static_cast<double>(sorted.size() - 1)))];
  };
  // A fit at the edge of the allowed range can lie outside of the middle 90 % of its redraws.
  const double value = figure(law);
  return {value, std::min(value, quantile((1 - kLevel) / 2)), std::max(value, quantile((1 + kLevel) / 2))};
}

}  // namespace

double StandardError(double low, double high) {
  // A normal distribution holds a share of kLevel within this many standard deviations of its mean.
  static const double deviations = boost::math::quantile(boost::math::normal(), (1 + kLevel) / 2);
  return (high - low) / (2 * deviations);
}

double PowerLaw::Ap(double n) const { return std::clamp(1 - ErrorAt(*this, std::log(n)), 0.0, 1.0); }

absl::StatusOr<LearningCurve> FitLearningCurve(std::span<const CurvePoint> points,
                                               const CurveOptions& options) {
  const absl::StatusOr<size_t> sizes = CountSizes(points);
  if (!sizes.ok()) return sizes.status();
  const bool c_fixed = *sizes == kSizesWithFixedC;
  const Sample sample = SampleOf(points);
  const Fitted fitted = Fit(sample, c_fixed);
  const size_t degrees_of_freedom = points.size() - (c_fixed ? 2 : 3);
  std::vector<PowerLaw> redrawn;
  for (int r = 0; r < options.resamples; ++r) {
    const SeededRandom random(evaluation::Mix64(options.seed) + static_cast<uint64_t>(r));
    redrawn.push_back(Fit(Redraw(sample, fitted, degrees_of_freedom, random), c_fixed).law);
  }
  return LearningCurve{fitted.law, c_fixed, std::move(redrawn)};
}

Band LearningCurve::Forecast(double n) const {
  return BandOf(law, redrawn, [&](const PowerLaw& each) { return each.Ap(n); });
}

Band LearningCurve::ForecastGain(double from, double to) const {
  return BandOf(law, redrawn, [&](const PowerLaw& each) { return each.Ap(to) - each.Ap(from); });
}

}  // namespace loupe::ranking
