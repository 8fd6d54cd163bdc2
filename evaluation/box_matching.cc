#include "evaluation/box_matching.h"

#include <algorithm>
#include <cmath>

namespace loupe::evaluation {
namespace {

struct Overlap {
  size_t truth;
  double iou;
};

// pycocotools never asks for an IoU above this, so that rounding doesn't fail a perfect box.
constexpr double kLargestThreshold = 1 - 1e-10;

bool Outside(double area, const AreaRange& range) { return area < range.low || area > range.high; }

// Indices of the truths that count, then of the ignored ones, each in their own order. A detection matches an
// ignored box only if no box that counts is free.
std::vector<size_t> CountedFirst(std::span<const TrueBox> truths, const std::vector<char>& ignored) {
  std::vector<size_t> order;
  order.reserve(truths.size());
  for (const bool wanted : {false, true}) {
    for (size_t i = 0; i < truths.size(); ++i) {
      if ((ignored[i] != 0) == wanted) order.push_back(i);
    }
  }
  return order;
}

// The free truth with the largest overlap of at least `threshold`, or nullptr. Of equal overlaps the last.
const Overlap* BestFree(const std::vector<Overlap>& overlaps, std::span<const TrueBox> truths,
                        const std::vector<char>& ignored, const std::vector<uint16_t>& taken, uint16_t bit,
                        double threshold) {
  const Overlap* best = nullptr;
  double best_iou = std::min(threshold, kLargestThreshold);
  for (const Overlap& overlap : overlaps) {
    if ((taken[overlap.truth] & bit) != 0 && !truths[overlap.truth].crowd) continue;
    if (best != nullptr && ignored[best->truth] == 0 && ignored[overlap.truth] != 0) break;
    if (overlap.iou < best_iou) continue;
    best_iou = overlap.iou;
    best = &overlap;
  }
  return best;
}

}  // namespace

double IntersectionOverUnion(const Box& detection, const Box& truth, bool crowd) {
  const double width =
      std::fmin(detection.width + detection.x, truth.width + truth.x) - std::fmax(detection.x, truth.x);
  if (width <= 0) return 0;
  const double height =
      std::fmin(detection.height + detection.y, truth.height + truth.y) - std::fmax(detection.y, truth.y);
  if (height <= 0) return 0;
  const double intersection = width * height;
  const double detection_area = detection.width * detection.height;
  const double whole = crowd ? detection_area : detection_area + truth.width * truth.height - intersection;
  return intersection / whole;
}

const std::array<double, kThresholdCount>& IouThresholds() {
  static const std::array<double, kThresholdCount> thresholds = [] {
    std::array<double, kThresholdCount> values{};
    const double step = (0.95 - 0.5) / 9;
    for (int i = 0; i < kThresholdCount - 1; ++i) values[i] = i * step + 0.5;
    values.back() = 0.95;
    return values;
  }();
  return thresholds;
}

std::vector<MatchBits> MatchImage(std::span<const DetectedBox> detections, std::span<const TrueBox> truths,
                                  const AreaRange& range) {
  std::vector<char> ignored(truths.size());
  for (size_t i = 0; i < truths.size(); ++i) {
    ignored[i] = static_cast<char>(truths[i].crowd || Outside(truths[i].area, range));
  }
  const std::vector<size_t> order = CountedFirst(truths, ignored);
  const auto& thresholds = IouThresholds();

  std::vector<MatchBits> bits(detections.size());
  std::vector<uint16_t> taken(truths.size());
  std::vector<Overlap> overlaps;
  for (size_t d = 0; d < detections.size(); ++d) {
    overlaps.clear();
    for (const size_t g : order) {
      const double iou = IntersectionOverUnion(detections[d].box, truths[g].box, truths[g].crowd);
      if (iou >= thresholds.front()) overlaps.push_back({g, iou});
    }
    const bool outside = Outside(detections[d].box.width * detections[d].box.height, range);
    for (int t = 0; t < kThresholdCount; ++t) {
      const auto bit = static_cast<uint16_t>(1U << static_cast<unsigned>(t));
      const Overlap* best = BestFree(overlaps, truths, ignored, taken, bit, thresholds[t]);
      bool matched = false;
      if (best != nullptr) {
        taken[best->truth] |= bit;
        if (t == 0) bits[d].truth = static_cast<int32_t>(best->truth);
        matched = !truths[best->truth].id_is_zero;
        if (ignored[best->truth] != 0) bits[d].ignored |= bit;
      }
      if (matched) bits[d].matched |= bit;
      if (!matched && outside) bits[d].ignored |= bit;
    }
  }
  return bits;
}

}  // namespace loupe::evaluation
