#include "evaluation/coco_metrics.h"

#include <array>
#include <cstdint>
#include <vector>

#include "evaluation/grouped_boxes.h"
#include "evaluation/interpolated_precision.h"
#include "evaluation/parallel_for.h"

namespace loupe::evaluation {
namespace {

enum Range : size_t { kAll, kSmall, kMedium, kLarge, kRangeCount };
constexpr std::array<AreaRange, kRangeCount> kRanges = {
    {{0, 1e10}, {0, 32.0 * 32}, {32.0 * 32, 96.0 * 96}, {96.0 * 96, 1e10}}};

using RangeBits = std::array<MatchBits, kRangeCount>;

// What the precision-recall curves of one class give, [thresholds]. Undefined if no true box counts.
struct Curve {
  bool defined = false;
  std::array<double, kThresholdCount> precision = {};  // mean over the recall points
  std::array<double, kThresholdCount> recall = {};     // at the end of the curve
};

struct ClassCurves {
  std::array<Curve, kRangeCount> by_range;  // at most 100 detections per image
  Curve best_1;                             // all areas, at most 1 detection per image; best_10: at most 10
  Curve best_10;
};

uint64_t CountedTruths(std::span<const ImageGroup> groups, const AreaRange& range) {
  uint64_t count = 0;
  for (const ImageGroup& group : groups) {
    for (const TrueBox& truth : group.truths) {
      count += static_cast<uint64_t>(!truth.crowd && truth.area >= range.low && truth.area <= range.high);
    }
  }
  return count;
}

Curve MakeCurve(const std::vector<RankedDetection>& ranked, const std::vector<RangeBits>& bits, Range range,
                size_t max_detections, uint64_t truth_count) {
  Curve curve;
  curve.defined = truth_count > 0;
  if (!curve.defined) return curve;
  for (size_t t = 0; t < kThresholdCount; ++t) {
    InterpolatedPrecision precision(truth_count);
    for (const RankedDetection& detection : ranked) {
      if (detection.position >= max_detections) continue;
      const MatchBits& match = bits[detection.place][range];
      if (((match.ignored >> t) & 1U) != 0) continue;
      if (((match.matched >> t) & 1U) != 0) {
        precision.AddCorrect();
      } else {
        precision.AddWrong();
      }
    }
    curve.precision[t] = precision.Mean();
    curve.recall[t] = precision.Recall();
  }
  return curve;
}

ClassCurves MakeCurves(std::span<const ImageGroup> groups, const std::vector<RangeBits>& bits) {
  const std::vector<RankedDetection> ranked = RankDetections(groups);
  ClassCurves curves;
  for (size_t range = 0; range < kRangeCount; ++range) {
    curves.by_range[range] = MakeCurve(ranked, bits, static_cast<Range>(range), kMaxDetections,
                                       CountedTruths(groups, kRanges[range]));
  }
  const uint64_t truth_count = CountedTruths(groups, kRanges[kAll]);
  curves.best_1 = MakeCurve(ranked, bits, kAll, 1, truth_count);
  curves.best_10 = MakeCurve(ranked, bits, kAll, 10, truth_count);
  return curves;
}

// Mean of pick_number(curve) over the classes where the curve that pick_curve names is defined; -1 if it is
// defined for none.
template <typename PickCurve, typename PickNumber>
double MeanOver(const std::vector<ClassCurves>& classes, const PickCurve& pick_curve,
                const PickNumber& pick_number) {
  double sum = 0;
  int count = 0;
  for (const ClassCurves& curves : classes) {
    const Curve& curve = pick_curve(curves);
    if (!curve.defined) continue;
    sum += pick_number(curve);
    ++count;
  }
  return count == 0 ? -1 : sum / count;
}

double MeanOf(const std::array<double, kThresholdCount>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / kThresholdCount;
}

double MeanPrecision(const Curve& curve) { return MeanOf(curve.precision); }
double MeanRecall(const Curve& curve) { return MeanOf(curve.recall); }
double PrecisionAt50(const Curve& curve) { return curve.precision[0]; }
double PrecisionAt75(const Curve& curve) { return curve.precision[5]; }

CocoSummary Summarise(const std::vector<ClassCurves>& classes) {
  const auto in = [](Range range) {
    return [range](const ClassCurves& c) -> const Curve& { return c.by_range[range]; };
  };
  const auto best_1 = [](const ClassCurves& c) -> const Curve& { return c.best_1; };
  const auto best_10 = [](const ClassCurves& c) -> const Curve& { return c.best_10; };
  CocoSummary summary;
  summary.ap = MeanOver(classes, in(kAll), MeanPrecision);
  summary.ap50 = MeanOver(classes, in(kAll), PrecisionAt50);
  summary.ap75 = MeanOver(classes, in(kAll), PrecisionAt75);
  summary.ap_small = MeanOver(classes, in(kSmall), MeanPrecision);
  summary.ap_medium = MeanOver(classes, in(kMedium), MeanPrecision);
  summary.ap_large = MeanOver(classes, in(kLarge), MeanPrecision);
  summary.ar_1 = MeanOver(classes, best_1, MeanRecall);
  summary.ar_10 = MeanOver(classes, best_10, MeanRecall);
  summary.ar_100 = MeanOver(classes, in(kAll), MeanRecall);
  summary.ar_small = MeanOver(classes, in(kSmall), MeanRecall);
  summary.ar_medium = MeanOver(classes, in(kMedium), MeanRecall);
  summary.ar_large = MeanOver(classes, in(kLarge), MeanRecall);
  return summary;
}

}  // namespace

CocoMetrics EvaluateCoco(const GroundTruth& truth, std::span<const DetectedBox> detections, int threads) {
  const GroupedBoxes grouped(truth, detections);
  std::vector<RangeBits> bits(detections.size());
  ParallelFor(grouped.groups().size(), threads, [&](size_t i) {
    const ImageGroup& group = grouped.groups()[i];
    for (size_t range = 0; range < kRangeCount; ++range) {
      const std::vector<MatchBits> matches = MatchImage(group.detections, group.truths, kRanges[range]);
      for (size_t d = 0; d < matches.size(); ++d) bits[group.first_detection + d][range] = matches[d];
    }
  });

  std::vector<ClassCurves> classes(static_cast<size_t>(truth.num_classes));
  ParallelFor(classes.size(), threads,
              [&](size_t c) { classes[c] = MakeCurves(grouped.groups_of(static_cast<int>(c)), bits); });

  CocoMetrics metrics;
  metrics.overall = Summarise(classes);
  for (const ClassCurves& curves : classes) {
    const Curve& all = curves.by_range[kAll];
    metrics.per_class.push_back(all.defined ? ClassMetrics{MeanPrecision(all), PrecisionAt50(all)}
                                            : ClassMetrics{});
  }
  return metrics;
}

}  // namespace loupe::evaluation
