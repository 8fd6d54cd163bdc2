#include "server/quality/reviewer_alarms.h"

#include <algorithm>
#include <array>
#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <iterator>

namespace loupe::quality {
namespace {

constexpr size_t kLeastImages = 10;  // of a half
// What a careful reviewer catches, and how rarely one may be suspected: 8 of 12 or fewer.
constexpr double kCarefulCatches = 0.9;
constexpr double kPlantedFalseAlarms = 0.026;
constexpr double kMissesLevel = 0.98;  // two-sided: one side above zero in 1 % of the cases
constexpr double kKeptLevel = 0.999;   // 0.05 %: others' answers are many, and show small habits, too
constexpr double kTimesLevel = 0.98;
constexpr double kShownLevel = 0.95;  // of a share that is only told

// A mean, or a ratio of two, with the variance of its error.
struct Mean {
  double value = 0;
  double variance = 0;
  double count = 0;
};

// The sum of `of` by the sum of `by`, over images. The variance is that of the linear approximation
// (Cochran 1977, section 6.4).
template <typename Of, typename By>
Mean Ratio(std::span<const SlicedAnswer> answers, const Of& of, const By& by) {
  double numerator = 0, denominator = 0;
  for (const SlicedAnswer& answer : answers) {
    numerator += of(answer);
    denominator += by(answer);
  }
  Mean ratio;
  ratio.count = static_cast<double>(answers.size());
  // Where no two images differ, the next one may: as a share of the images, by about one.
  const double least = 1 / (ratio.count * ratio.count);
  ratio.variance = least;
  if (denominator == 0) return ratio;
  ratio.value = numerator / denominator;
  double squares = 0;
  for (const SlicedAnswer& answer : answers) {
    const double rest = of(answer) - ratio.value * by(answer);
    squares += rest * rest;
  }
  ratio.variance = std::max(least, squares * ratio.count / ((ratio.count - 1) * denominator * denominator));
  return ratio;
}

// first - second, by Welch's t.
Interval Difference(const Mean& first, const Mean& second, double level) {
  const double value = first.value - second.value;
  const double variance = first.variance + second.variance;
  const double freedom = variance * variance /
                         (first.variance * first.variance / (first.count - 1) +
                          second.variance * second.variance / (second.count - 1));
  const boost::math::students_t distribution(freedom);
  const double reach = boost::math::quantile(distribution, (1 + level) / 2) * std::sqrt(variance);
  return {value, value - reach, value + reach};
}

double Predicted(const SlicedAnswer& answer) { return answer.predicted; }
double Kept(const SlicedAnswer& answer) { return answer.kept; }
double Added(const SlicedAnswer& answer) { return answer.added; }
double IouSum(const SlicedAnswer& answer) { return answer.iou_sum; }
double One(const SlicedAnswer&) { return 1; }
double Boxes(const SlicedAnswer& answer) { return double{1} * answer.kept + answer.added; }

Interval Misses(std::span<const SlicedAnswer> shown, std::span<const SlicedAnswer> blind, double level) {
  const double boxes = Ratio(blind, Boxes, One).value;
  Interval misses = Difference(Ratio(blind, Added, One), Ratio(shown, Added, One), level);
  for (double* bound : {&misses.value, &misses.low, &misses.high}) *bound /= boxes;
  return misses;
}

Interval MoreKept(std::span<const SlicedAnswer> shown, std::span<const SlicedAnswer> blind, double level) {
  return Difference(Ratio(shown, Kept, Predicted), Ratio(blind, Kept, Predicted), level);
}

// Of those where something is predicted.
std::vector<SlicedAnswer> WithPredictions(std::span<const SlicedAnswer> answers) {
  std::vector<SlicedAnswer> with;
  std::copy_if(answers.begin(), answers.end(), std::back_inserter(with),
               [](const SlicedAnswer& answer) { return answer.predicted > 0; });
  return with;
}

bool HasAny(std::span<const SlicedAnswer> answers, double (*of)(const SlicedAnswer&)) {
  return std::any_of(answers.begin(), answers.end(),
                     [&](const SlicedAnswer& answer) { return of(answer) > 0; });
}

bool AreEnough(std::span<const SlicedAnswer> shown, std::span<const SlicedAnswer> blind) {
  return shown.size() >= kLeastImages && blind.size() >= kLeastImages && HasAny(blind, Boxes);
}

// Clopper and Pearson 1934.
Interval Share(uint32_t part, uint32_t all, double level) {
  using Binomial = boost::math::binomial;
  return {static_cast<double>(part) / all, Binomial::find_lower_bound_on_p(all, part, (1 - level) / 2),
          Binomial::find_upper_bound_on_p(all, part, (1 - level) / 2)};
}

bool AreTooFew(uint32_t caught, uint32_t planted) {
  return boost::math::cdf(boost::math::binomial(planted, kCarefulCatches), caught) <= kPlantedFalseAlarms;
}

// With the places of the sorted values between which the median lies, by the binomial distribution.
Interval Median(std::vector<double> values, double level) {
  std::sort(values.begin(), values.end());
  const auto count = static_cast<double>(values.size());
  const auto below =
      static_cast<size_t>(boost::math::quantile(boost::math::binomial(count, 0.5), (1 - level) / 2));
  return {values[values.size() / 2], values[below], values[values.size() - 1 - below]};
}

}  // namespace

SlicedAnswer CompareWithPrediction(const Answer& predicted, const Answer& answer) {
  SlicedAnswer compared;
  compared.predicted = static_cast<uint32_t>(predicted.size());
  for (const Thing& thing : MatchAnswers(std::array{predicted, answer})) {
    if (thing[1] == kNoBox) continue;
    const AnswerBox& given = answer[static_cast<size_t>(thing[1])];
    if (thing[0] == kNoBox) {
      compared.added += 1;
      continue;
    }
    const AnswerBox& shown = predicted[static_cast<size_t>(thing[0])];
    if (shown.label != given.label) continue;
    compared.kept += 1;
    compared.iou_sum += Iou(shown, given);
  }
  return compared;
}

std::optional<ShownAgainstBlind> CompareShownAndBlind(std::span<const SlicedAnswer> shown,
                                                      std::span<const SlicedAnswer> blind, double level) {
  if (!AreEnough(shown, blind)) return std::nullopt;
  ShownAgainstBlind comparison;
  comparison.shown_images = shown.size();
  comparison.blind_images = blind.size();
  comparison.misses = Misses(shown, blind, level);
  if (HasAny(shown, Predicted) && HasAny(blind, Predicted)) comparison.kept = MoreKept(shown, blind, level);
  if (HasAny(shown, Kept) && HasAny(blind, Kept))
    comparison.placement = Difference(Ratio(shown, IouSum, Kept), Ratio(blind, IouSum, Kept), level);
  return comparison;
}

std::optional<Interval> MedianSeconds(std::span<const double> seconds_a_box, double level) {
  if (seconds_a_box.empty()) return std::nullopt;
  return Median({seconds_a_box.begin(), seconds_a_box.end()}, level);
}

std::vector<Alarm> FindAlarms(const ReviewerWindow& window) {
  std::vector<Alarm> alarms;
  if (window.planted >= kLeastPlanted && AreTooFew(window.caught, window.planted)) {
    alarms.push_back({AlarmKind::kPlantedErrorsKept, Share(window.caught, window.planted, kShownLevel)});
  }
  if (AreEnough(window.shown, window.blind)) {
    const Interval misses = Misses(window.shown, window.blind, kMissesLevel);
    if (misses.low > 0) alarms.push_back({AlarmKind::kMissesWhenShown, misses});
  }
  const std::vector<SlicedAnswer> shown = WithPredictions(window.shown), all = WithPredictions(window.by_all);
  if (shown.size() >= kLeastImages && all.size() >= kLeastImages) {
    const Interval kept = MoreKept(shown, all, kKeptLevel);
    if (kept.low > 0) alarms.push_back({AlarmKind::kAcceptsTooMuch, kept});
  }
  if (window.seconds_a_box.size() >= kLeastTimed) {
    const Interval seconds = Median(window.seconds_a_box, kTimesLevel);
    if (seconds.high < kLeastSecondsABox) alarms.push_back({AlarmKind::kNotLookedAt, seconds});
  }
  return alarms;
}

}  // namespace loupe::quality
