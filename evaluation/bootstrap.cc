#include "evaluation/bootstrap.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
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

// [models, resamples, classes] AP50 of each class in sets of images that are drawn with replacement, the same
// for all models; -1 where the set has no true box of it. A set without any true box says nothing about a
// model: it is drawn again. Requires: the models were made from the same truth, and an image has a true box.
using ClassValues = std::vector<double>;
std::vector<std::vector<ClassValues>> Resample(std::span<const Ap50Matches* const> models,
                                               const BootstrapOptions& options) {
  constexpr size_t kSets = Ap50Matches::kSets;
  const auto image_count = static_cast<size_t>(models[0]->image_count());
  const auto resamples = static_cast<size_t>(options.resamples);
  std::vector<std::vector<ClassValues>> values(models.size(), std::vector<ClassValues>(resamples));
  ParallelFor((resamples + kSets - 1) / kSets, options.threads, [&](size_t group) {
    const size_t first = group * kSets;
    const size_t sets = std::min(kSets, resamples - first);
    std::vector<SeededRandom> random;
    std::vector<int32_t> copies(image_count * kSets);
    for (size_t s = 0; s < sets; ++s) {
      random.emplace_back(Mix64(options.seed) + first + s);
      for (size_t i = 0; i < image_count; ++i) ++copies[random[s].Below(image_count) * kSets + s];
    }
    std::vector<double> ap50;
    for (size_t m = 0; m < models.size(); ++m) {
      models[m]->Ap50PerClassOfSets(copies, ap50);
      for (size_t s = 0; s < sets; ++s) {
        for (size_t at = s; at < ap50.size(); at += kSets) values[m][first + s].push_back(ap50[at]);
      }
    }
    for (size_t s = 0; s < sets; ++s) {
      std::vector<uint32_t> redrawn;
      while (MeanOfClasses(values[0][first + s]) < 0) {
        redrawn.assign(image_count, 0);
        for (size_t i = 0; i < image_count; ++i) ++redrawn[random[s].Below(image_count)];
        for (size_t m = 0; m < models.size(); ++m) {
          values[m][first + s] = models[m]->Ap50PerClass(redrawn);
        }
      }
    }
  });
  return values;
}

std::vector<double> MeansOf(const std::vector<ClassValues>& resamples) {
  std::vector<double> means;
  means.reserve(resamples.size());
  for (const ClassValues& values : resamples) means.push_back(MeanOfClasses(values));
  return means;
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

// A number for each of kSets sets.
using SetNumbers = double __attribute__((vector_size(Ap50Matches::kSets * sizeof(double))));
using SetCounts = int32_t __attribute__((vector_size(Ap50Matches::kSets * sizeof(int32_t))));

// copies: [kSets].
void AddCopies(const int32_t* copies, int32_t times, SetCounts& sum) {
  SetCounts of_image;
  std::memcpy(&of_image, copies, sizeof of_image);
  sum += times * of_image;
}

// How many detections were right and wrong so far.
struct SeenDetections {
  SetCounts correct = {};
  SetCounts wrong = {};
};

// InterpolatedPrecision::Mean of each set but for rounding, and -1 of a set without a true box. seen: at the
// correct detections, by falling score. ap50: [kSets].
void SamplePrecision(const std::vector<SeenDetections>& seen, const SetCounts& truths, double* ap50) {
  constexpr double kSpacingOfOne = 0x1p-52;
  constexpr double kRounding = 0x1p52;  // a double of this size has no fraction
  constexpr SetNumbers kZero = {};
  const SetCounts without = truths == 0;
  const SetNumbers truth_count = __builtin_convertvector(truths - without, SetNumbers);  // at least 1
  SetNumbers best = {};
  SetNumbers sum = {};
  SetNumbers reached = {};  // recall points, at the detection behind
  for (size_t k = seen.size(); k-- > 0;) {
    const SetNumbers correct = __builtin_convertvector(seen[k].correct, SetNumbers);
    const SetNumbers wrong = __builtin_convertvector(seen[k].wrong, SetNumbers);
    const SetNumbers recall = correct / truth_count;
    // The nearest point, of which it and its neighbours say which one is the last that isn't above.
    const SetNumbers point = (recall * 100 + kRounding) - kRounding;
    const SetNumbers points = point + ((point + 1) * 0.01 <= recall ? kZero + 2 : kZero + 1) -
                              (point * 0.01 > recall ? kZero + 1 : kZero);
    // Those behind this detection have the best precision behind it.
    sum += (reached - points) * best;
    reached = points;
    const SetNumbers precision = correct / (wrong + correct + kSpacingOfOne);
    best = precision > best ? precision : best;
  }
  sum = (sum + reached * best) / static_cast<double>(InterpolatedPrecision::kRecallPoints);
  for (size_t s = 0; s < Ap50Matches::kSets; ++s) ap50[s] = truths[s] > 0 ? sum[s] : -1;
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

void Ap50Matches::Ap50PerClassOfSets(std::span<const int32_t> copies, std::vector<double>& ap50) const {
  ap50.resize(classes_.size() * kSets);
  std::vector<SeenDetections> at_correct;
  for (size_t c = 0; c < classes_.size(); ++c) {
    SetCounts truths = {};
    for (const ImageCount& image : classes_[c].images) {
      AddCopies(&copies[static_cast<size_t>(image.image) * kSets], static_cast<int32_t>(image.truths),
                truths);
    }
    at_correct.clear();
    SeenDetections seen;
    for (const Detection& detection : classes_[c].detections) {
      AddCopies(&copies[static_cast<size_t>(detection.image) * kSets], 1,
                detection.correct ? seen.correct : seen.wrong);
      if (detection.correct) at_correct.push_back(seen);  // precision is best at these
    }
    SamplePrecision(at_correct, truths, &ap50[c * kSets]);
  }
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
  return BootstrapAp50PerClass(model, options).mean;
}

ClassEstimates BootstrapAp50PerClass(const Ap50Matches& model, const BootstrapOptions& options) {
  const std::vector<uint32_t> once(static_cast<size_t>(model.image_count()), 1);
  const std::vector<double> own = model.Ap50PerClass(once);
  ClassEstimates estimates;
  estimates.per_class.resize(own.size());
  const double mean = MeanOfClasses(own);
  if (mean < 0) return estimates;
  const Ap50Matches* const only = &model;
  const std::vector<ClassValues> resamples = std::move(Resample({&only, 1}, options)[0]);
  estimates.mean = EstimateOf(mean, MeansOf(resamples), options.level);
  for (size_t c = 0; c < own.size(); ++c) {
    if (own[c] < 0) continue;
    std::vector<double> of_class;
    for (const ClassValues& values : resamples) {
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
  const std::array<const Ap50Matches*, 2> models = {&baseline, &candidate};
  const std::vector<std::vector<ClassValues>> resamples = Resample(models, options);
  const std::vector<double> baseline_means = MeansOf(resamples[0]);
  std::vector<double> differences = MeansOf(resamples[1]);
  for (size_t r = 0; r < differences.size(); ++r) differences[r] -= baseline_means[r];
  SetDifference(estimate.candidate - estimate.baseline, std::move(differences), options.level, estimate);
  for (size_t c = 0; c < of_baseline.size(); ++c) {
    PairedEstimate& of_class = estimate.per_class[c];
    of_class.baseline = of_baseline[c];
    of_class.candidate = of_candidate[c];
    if (of_class.baseline < 0) continue;
    differences.clear();
    for (size_t r = 0; r < resamples[0].size(); ++r) {
      const double value = resamples[0][r][c];
      if (value >= 0) differences.push_back(resamples[1][r][c] - value);
    }
    if (differences.empty()) continue;
    SetDifference(of_class.candidate - of_class.baseline, std::move(differences), options.level, of_class);
  }
  return estimate;
}

}  // namespace loupe::evaluation
