#include "evaluation/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "evaluation/grouped_boxes.h"
#include "evaluation/interpolated_precision.h"
#include "evaluation/parallel_for.h"
#include "evaluation/quantile.h"
#include "evaluation/seeded_random.h"

namespace loupe::evaluation {
namespace {

struct Interval {
  double low;
  double high;
};

Interval IntervalOf(std::vector<double> values, double level) {
  std::sort(values.begin(), values.end());
  return {Quantile(values, (1 - level) / 2), Quantile(values, (1 + level) / 2)};
}

// [resamples] values that figure(copies, &value) sets for images drawn with replacement. `figure` returns
// false for a draw without true boxes, which says nothing about a model: it is drawn again.
// Requires: an image has a true box.
template <typename Value = double, typename Figure>
std::vector<Value> ResampleImages(int image_count, const BootstrapOptions& options, const Figure& figure) {
  std::vector<Value> values(static_cast<size_t>(options.resamples));
  ParallelFor(values.size(), options.threads, [&](size_t r) {
    SeededRandom random(Mix64(options.seed) + r);
    std::vector<uint32_t> copies;
    do {
      copies.assign(static_cast<size_t>(image_count), 0);
      for (int i = 0; i < image_count; ++i) ++copies[random.Below(static_cast<uint64_t>(image_count))];
    } while (!figure(copies, &values[r]));
  });
  return values;
}

// Over the classes that have a value; -1: none has.
double MeanOfClasses(std::span<const double> ap50) {
  double sum = 0;
  int count = 0;
  for (const double value : ap50) {
    if (value < 0) continue;
    sum += value;
    ++count;
  }
  return count == 0 ? -1 : sum / count;
}

Estimate EstimateOf(double value, const std::vector<double>& resampled, double level) {
  const Interval interval = IntervalOf(resampled, level);
  return {value, interval.low, interval.high};
}

// resampled: differences; not empty.
void SetDifference(double difference, std::vector<double> resampled, double level, PairedEstimate& estimate) {
  const Interval interval = IntervalOf(std::move(resampled), level);
  estimate.difference = difference;
  estimate.low = interval.low;
  estimate.high = interval.high;
}

}  // namespace

Ap50Matches::Ap50Matches(const GroundTruth& truth, std::span<const DetectedBox> detections)
    : image_count_(truth.image_count), classes_(static_cast<size_t>(truth.num_classes)) {
  const GroupedBoxes grouped(truth, detections);
  std::vector<MatchBits> bits(detections.size());
  for (const ImageGroup& group : grouped.groups()) {
    const std::vector<MatchBits> matches = MatchImage(group.detections, group.truths, AreaRange{});
    std::copy(matches.begin(), matches.end(),
              bits.begin() + static_cast<std::ptrdiff_t>(group.first_detection));
  }
  for (size_t c = 0; c < classes_.size(); ++c) {
    const auto groups = grouped.groups_of(static_cast<int>(c));
    for (const ImageGroup& group : groups) {
      const auto counted = std::count_if(group.truths.begin(), group.truths.end(), [](const TrueBox& box) {
        return !box.crowd && box.area >= AreaRange{}.low && box.area <= AreaRange{}.high;
      });
      if (counted > 0) classes_[c].images.push_back({group.image, static_cast<uint32_t>(counted)});
    }
    for (const RankedDetection& detection : RankDetections(groups)) {
      const MatchBits& match = bits[detection.place];
      if ((match.ignored & 1U) != 0) continue;
      classes_[c].detections.push_back({detection.image, (match.matched & 1U) != 0, detection.score});
    }
  }
}

double Ap50Matches::Ap50Of(const OneClass& one, std::span<const uint32_t> copies) {
  uint64_t truth_count = 0;
  for (const ImageCount& image : one.images) {
    truth_count += uint64_t{image.truths} * copies[static_cast<size_t>(image.image)];
  }
  if (truth_count == 0) return -1;
  InterpolatedPrecision precision(truth_count);
  for (const Detection& detection : one.detections) {
    const uint32_t count = copies[static_cast<size_t>(detection.image)];
    if (count == 0) continue;
    if (detection.correct) {
      precision.AddCorrect(count);
    } else {
      precision.AddWrong(count);
    }
  }
  return precision.Mean();
}

std::vector<double> Ap50Matches::Ap50PerClass(std::span<const uint32_t> copies) const {
  std::vector<double> ap50;
  ap50.reserve(classes_.size());
  for (const OneClass& one : classes_) ap50.push_back(Ap50Of(one, copies));
  return ap50;
}

double Ap50Matches::Ap50(std::span<const uint32_t> copies) const {
  return MeanOfClasses(Ap50PerClass(copies));
}

std::vector<Ap50Matches::PrecisionPoint> Ap50Matches::PrecisionCurve(int class_index) const {
  const OneClass& one = classes_[static_cast<size_t>(class_index)];
  uint64_t truth_count = 0;
  for (const ImageCount& image : one.images) truth_count += image.truths;
  std::vector<PrecisionPoint> curve;
  if (truth_count == 0) return curve;
  double correct = 0;
  double seen = 0;
  for (const Detection& detection : one.detections) {
    seen += 1;
    if (!detection.correct) continue;
    correct += 1;
    const double recall = correct / static_cast<double>(truth_count);
    while (curve.size() < InterpolatedPrecision::kRecallPoints &&
           InterpolatedPrecision::RecallPoint(curve.size()) <= recall) {
      curve.push_back({InterpolatedPrecision::RecallPoint(curve.size()), 0, detection.score});
    }
    curve.back().precision = std::max(curve.back().precision, correct / seen);
  }
  for (size_t i = curve.size(); i-- > 1;) {
    curve[i - 1].precision = std::max(curve[i - 1].precision, curve[i].precision);
  }
  return curve;
}

Estimate BootstrapAp50(const Ap50Matches& model, const BootstrapOptions& options) {
  Estimate estimate;
  const std::vector<uint32_t> once(static_cast<size_t>(model.image_count()), 1);
  estimate.value = model.Ap50(once);
  if (estimate.value < 0) return estimate;
  const auto values =
      ResampleImages(model.image_count(), options, [&](std::span<const uint32_t> copies, double* value) {
        *value = model.Ap50(copies);
        return *value >= 0;
      });
  return EstimateOf(estimate.value, values, options.level);
}

ClassEstimates BootstrapAp50PerClass(const Ap50Matches& model, const BootstrapOptions& options) {
  const std::vector<uint32_t> once(static_cast<size_t>(model.image_count()), 1);
  const std::vector<double> own = model.Ap50PerClass(once);
  ClassEstimates estimates;
  estimates.per_class.resize(own.size());
  const double mean = MeanOfClasses(own);
  if (mean < 0) return estimates;
  using PerClass = std::vector<double>;
  const auto resamples = ResampleImages<PerClass>(model.image_count(), options,
                                                  [&](std::span<const uint32_t> copies, PerClass* values) {
                                                    *values = model.Ap50PerClass(copies);
                                                    return MeanOfClasses(*values) >= 0;
                                                  });
  std::vector<double> means;
  for (const PerClass& values : resamples) means.push_back(MeanOfClasses(values));
  estimates.mean = EstimateOf(mean, means, options.level);
  for (size_t c = 0; c < own.size(); ++c) {
    if (own[c] < 0) continue;
    std::vector<double> of_class;
    for (const PerClass& values : resamples) {
      if (values[c] >= 0) of_class.push_back(values[c]);
    }
    if (!of_class.empty()) estimates.per_class[c] = EstimateOf(own[c], of_class, options.level);
  }
  return estimates;
}

PairedEstimate PairedBootstrap(const Ap50Matches& baseline, const Ap50Matches& candidate,
                               const BootstrapOptions& options) {
  const std::vector<uint32_t> once(static_cast<size_t>(baseline.image_count()), 1);
  const std::vector<double> of_baseline = baseline.Ap50PerClass(once);
  const std::vector<double> of_candidate = candidate.Ap50PerClass(once);
  PairedEstimate estimate;
  estimate.per_class.resize(of_baseline.size());
  estimate.baseline = MeanOfClasses(of_baseline);
  estimate.candidate = MeanOfClasses(of_candidate);
  if (estimate.baseline < 0) return estimate;
  struct Both {
    std::vector<double> baseline;
    std::vector<double> candidate;
  };
  const auto resamples = ResampleImages<Both>(
      baseline.image_count(), options, [&](std::span<const uint32_t> copies, Both* both) {
        *both = {baseline.Ap50PerClass(copies), candidate.Ap50PerClass(copies)};
        return MeanOfClasses(both->baseline) >= 0;
      });
  std::vector<double> differences;
  for (const Both& both : resamples) {
    differences.push_back(MeanOfClasses(both.candidate) - MeanOfClasses(both.baseline));
  }
  SetDifference(estimate.candidate - estimate.baseline, std::move(differences), options.level, estimate);
  for (size_t c = 0; c < of_baseline.size(); ++c) {
    PairedEstimate& of_class = estimate.per_class[c];
    of_class.baseline = of_baseline[c];
    of_class.candidate = of_candidate[c];
    if (of_class.baseline < 0) continue;
    differences.clear();
    for (const Both& both : resamples) {
      if (both.baseline[c] >= 0) differences.push_back(both.candidate[c] - both.baseline[c]);
    }
    if (differences.empty()) continue;
    SetDifference(of_class.candidate - of_class.baseline, std::move(differences), options.level, of_class);
  }
  return estimate;
}

}  // namespace loupe::evaluation
