#include "evaluation/weighted_estimates.h"

#include <algorithm>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <numeric>
#include <span>
#include <utility>

#include "evaluation/interpolated_precision.h"
#include "evaluation/parallel_for.h"
#include "evaluation/quantile.h"
#include "evaluation/seeded_random.h"

namespace loupe::evaluation {
namespace {

constexpr double kUndefined = -1;

// Counts in a set of drawn images, for one class or for all together.
struct Tally {
  uint64_t images = 0;
  uint64_t images_with_boxes = 0;
  uint64_t boxes = 0;
  uint64_t judged = 0;  // detections from the threshold up
  uint64_t correct = 0;
  double ap50 = kUndefined;
};

double Share(uint64_t part, uint64_t whole) {
  return whole == 0 ? kUndefined : static_cast<double>(part) / static_cast<double>(whole);
}

using Figure = double (*)(const Tally&);
double Precision(const Tally& tally) { return Share(tally.correct, tally.judged); }
double Recall(const Tally& tally) { return Share(tally.correct, tally.boxes); }
double Ap50(const Tally& tally) { return tally.ap50; }
double ShareWithBoxes(const Tally& tally) { return Share(tally.images_with_boxes, tally.images); }
double BoxesPerImage(const Tally& tally) { return Share(tally.boxes, tally.images); }

// The drawn images, arranged so that a resample costs one pass over their boxes.
class DrawnImages {
 public:
  DrawnImages(const PoolSample& sample, double score_threshold);

  // [C + 1] of a set that holds image i `copies[i]` times; the last is of all classes together. copies: [k].
  std::vector<Tally> TalliesOf(std::span<const uint32_t> copies) const;

 private:
  struct Detection {
    uint32_t image;
    bool correct;
  };
  struct ImageCount {
    uint32_t image;
    uint32_t boxes;
  };
  struct OneClass {
    std::vector<Detection> detections;  // by falling score
    size_t judged = 0;                  // how many of them reach the score threshold
    std::vector<ImageCount> images;     // with at least one true box of the class
    bool averaged = false;              // counts in the mean AP50
  };
  static Tally TallyOf(const OneClass& one, std::span<const uint32_t> copies);

  std::vector<OneClass> classes_;
  std::vector<uint32_t> images_with_boxes_;
};

DrawnImages::DrawnImages(const PoolSample& sample, double score_threshold)
    : classes_(static_cast<size_t>(sample.num_classes)) {
  std::vector<std::vector<std::pair<float, Detection>>> scored(classes_.size());
  for (uint32_t i = 0; i < sample.drawn.size(); ++i) {
    const SampledImage& image = sample.drawn[i];
    for (const SampledDetection& detection : image.detections) {
      scored[static_cast<size_t>(detection.class_index)].push_back({detection.score, {i, detection.correct}});
    }
    for (size_t c = 0; c < classes_.size(); ++c) {
      if (image.true_boxes[c] > 0) classes_[c].images.push_back({i, image.true_boxes[c]});
    }
    if (std::accumulate(image.true_boxes.begin(), image.true_boxes.end(), 0U) > 0)
      images_with_boxes_.push_back(i);
  }
  for (size_t c = 0; c < classes_.size(); ++c) {
    std::stable_sort(scored[c].begin(), scored[c].end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    for (const auto& [score, detection] : scored[c]) {
      classes_[c].detections.push_back(detection);
      if (static_cast<double>(score) >= score_threshold) ++classes_[c].judged;
    }
  }
  const std::vector<uint32_t> once(sample.drawn.size(), 1);
  for (OneClass& one : classes_) one.averaged = TallyOf(one, once).boxes >= kFewestBoxes;
}

Tally DrawnImages::TallyOf(const OneClass& one, std::span<const uint32_t> copies) {
  Tally tally;
  for (const ImageCount& image : one.images) {
    tally.images_with_boxes += copies[image.image];
    tally.boxes += uint64_t{image.boxes} * copies[image.image];
  }
  InterpolatedPrecision precision(std::max<uint64_t>(tally.boxes, 1));
  for (size_t i = 0; i < one.detections.size(); ++i) {
    const Detection& detection = one.detections[i];
    const uint32_t count = copies[detection.image];
    if (count == 0) continue;
    if (i < one.judged) tally.judged += count;
    if (!detection.correct) {
      precision.AddWrong(count);
      continue;
    }
    precision.AddCorrect(count);
    if (i < one.judged) tally.correct += count;
  }
  if (tally.boxes > 0) tally.ap50 = precision.Mean();
  return tally;
}

std::vector<Tally> DrawnImages::TalliesOf(std::span<const uint32_t> copies) const {
  std::vector<Tally> tallies;
  Tally pooled;
  double ap50_sum = 0;
  int ap50_count = 0;
  for (const OneClass& one : classes_) {
    const Tally tally = TallyOf(one, copies);
    tallies.push_back(tally);
    pooled.boxes += tally.boxes;
    pooled.judged += tally.judged;
    pooled.correct += tally.correct;
    if (!one.averaged || tally.boxes == 0) continue;
    ap50_sum += tally.ap50;
    ++ap50_count;
  }
  if (ap50_count > 0) pooled.ap50 = ap50_sum / ap50_count;
  for (const uint32_t image : images_with_boxes_) pooled.images_with_boxes += copies[image];
  tallies.push_back(pooled);
  const uint64_t images = std::accumulate(copies.begin(), copies.end(), uint64_t{0});
  for (Tally& tally : tallies) tally.images = images;
  return tallies;
}

// [image_count] copies of each image in a resample, as EstimatePool describes. population: M.
std::vector<uint32_t> Resample(size_t image_count, uint64_t population, SeededRandom& random) {
  const double kept_on_average = std::pow(image_count, 2) / static_cast<double>(population);
  auto kept = static_cast<size_t>(kept_on_average);
  if (random.Uniform() < kept_on_average - static_cast<double>(kept)) ++kept;
  std::vector<size_t> order(image_count);
  std::iota(order.begin(), order.end(), size_t{0});
  std::vector<uint32_t> copies(image_count, 0);
  for (size_t i = 0; i < kept; ++i) {
    std::swap(order[i], order[i + random.Below(image_count - i)]);
    copies[order[i]] = 1;
  }
  for (size_t i = kept; i < image_count; ++i) ++copies[order[kept + random.Below(image_count - kept)]];
  return copies;
}

// The share of a normal distribution beyond the end of Student's interval at this level, on one side.
// Requires: level in (0, 1), freedom > 0.
double TailBeyond(double level, double freedom) {
  const boost::math::students_t student(freedom);
  return boost::math::cdf(boost::math::normal(), boost::math::quantile(student, (1 - level) / 2));
}

// Degrees of freedom of a spread, at least 3. without_one: the figure, leaving out each image in turn.
double DegreesOfFreedom(std::span<const double> without_one) {
  const auto count = static_cast<double>(without_one.size());
  const double mean = std::accumulate(without_one.begin(), without_one.end(), 0.0) / count;
  double squares = 0;
  double fourths = 0;
  for (const double figure : without_one) {
    squares += std::pow(figure - mean, 2);
    fourths += std::pow(figure - mean, 4);
  }
  if (squares == 0) return 3;
  const double variance_of_variance =
      fourths / (squares * squares) - 1 / count;  // relative to the variance's square
  return std::max(3.0, 2 / std::max(variance_of_variance, 1e-9));
}

struct Spread {
  bool all_seen = false;                        // the drawn images are all of U
  std::vector<Tally> value;                     // [C + 1] of the drawn images
  std::vector<std::vector<Tally>> resamples;    // [resamples, C + 1]
  std::vector<std::vector<Tally>> without_one;  // [k, C + 1] leaving out each image in turn
};

Spread SpreadOf(const PoolSample& sample, const EstimateOptions& options) {
  const DrawnImages drawn(sample, options.score_threshold);
  const size_t count = sample.drawn.size();
  const std::vector<uint32_t> once(count, 1);
  Spread spread;
  spread.all_seen = count == sample.population;
  spread.value = drawn.TalliesOf(once);
  spread.resamples.resize(static_cast<size_t>(options.resamples));
  ParallelFor(spread.resamples.size(), options.threads, [&](size_t r) {
    SeededRandom random(Mix64(options.seed) + r);
    spread.resamples[r] = drawn.TalliesOf(Resample(count, sample.population, random));
  });
  spread.without_one.resize(count);
  ParallelFor(count, options.threads, [&](size_t i) {
    std::vector<uint32_t> copies = once;
    copies[i] = 0;
    spread.without_one[i] = drawn.TalliesOf(copies);
  });
  return spread;
}

std::vector<double> Defined(const std::vector<std::vector<Tally>>& rows, size_t c, Figure figure) {
  std::vector<double> values;
  for (const std::vector<Tally>& row : rows) {
    const double value = figure(row[c]);
    if (value != kUndefined) values.push_back(value);
  }
  return values;
}

PoolEstimate WithInterval(const Spread& spread, size_t c, Figure figure, double level) {
  constexpr double kRounding = 1e-9;
  PoolEstimate estimate = {.value = figure(spread.value[c])};
  std::vector<double> resamples = Defined(spread.resamples, c, figure);
  std::sort(resamples.begin(), resamples.end());
  if (resamples.empty()) return estimate;
  const bool alike = resamples.back() - resamples.front() < kRounding;
  if (alike && !spread.all_seen) return estimate;
  const double freedom = DegreesOfFreedom(Defined(spread.without_one, c, figure));
  const double tail = TailBeyond(level, freedom);
  return {estimate.value, true, Quantile(resamples, tail), Quantile(resamples, 1 - tail)};
}

// Requires: `map` is monotonic.
template <typename Map>
PoolEstimate Mapped(const PoolEstimate& estimate, const Map& map) {
  if (!estimate.has_interval) return {.value = map(estimate.value)};
  return {map(estimate.value), true, map(estimate.low), map(estimate.high)};
}

// Of class c; of all classes together with c = C.
PoolFigures FiguresOf(const PoolSample& sample, const Spread& spread, size_t c, double level) {
  const std::vector<uint64_t>& since = sample.boxes_labelled_since;
  const bool pooled = c == static_cast<size_t>(sample.num_classes);
  const Tally& tally = spread.value[c];
  const auto estimate = [&](Figure figure, uint64_t boxes) {
    if (boxes < kFewestBoxes) return PoolEstimate{.value = figure(tally)};
    return WithInterval(spread, c, figure, level);
  };
  const auto unlabelled = static_cast<double>(sample.population);
  const double pool = unlabelled + static_cast<double>(sample.known_images);
  const auto known =
      static_cast<double>(pooled ? sample.known_images_with_boxes : sample.known_images_with_class[c]);
  const auto labelled = static_cast<double>(pooled ? std::accumulate(since.begin(), since.end(), tally.boxes)
                                                   : tally.boxes + since[c]);
  return {.precision = estimate(Precision, std::min(tally.boxes, tally.judged)),
          .recall = estimate(Recall, tally.boxes),
          .ap50 = estimate(Ap50, tally.boxes),
          .prevalence = Mapped(estimate(ShareWithBoxes, tally.boxes),
                               [&](double share) { return (known + share * unlabelled) / pool; }),
          .boxes_left = Mapped(estimate(BoxesPerImage, tally.boxes),
                               [&](double boxes) { return std::max(0.0, boxes * unlabelled - labelled); })};
}

}  // namespace

PoolEstimates EstimatePool(const PoolSample& sample, const EstimateOptions& options) {
  PoolEstimates estimates;
  const auto num_classes = static_cast<size_t>(sample.num_classes);
  estimates.classes.resize(num_classes);
  if (sample.drawn.empty()) return estimates;
  const Spread spread = SpreadOf(sample, options);
  for (size_t c = 0; c < num_classes; ++c) {
    estimates.classes[c] = FiguresOf(sample, spread, c, options.level);
    if (spread.value[c].boxes >= kFewestBoxes) ++estimates.averaged_classes;
  }
  estimates.pooled = FiguresOf(sample, spread, num_classes, options.level);
  return estimates;
}

}  // namespace loupe::evaluation
