#include "server/ranking/calibration.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <tuple>

namespace loupe::ranking {
namespace {

constexpr size_t kFewestDetections = 50;
constexpr size_t kFewestOfAKind = 10;

// Fully ordered, by score first: sums then don't depend on the order given.
std::vector<JudgedDetection> Sorted(std::span<const JudgedDetection> detections) {
  std::vector<JudgedDetection> sorted(detections.begin(), detections.end());
  std::sort(sorted.begin(), sorted.end(), [](const JudgedDetection& a, const JudgedDetection& b) {
    return std::tie(a.score, a.correct, a.class_index) < std::tie(b.score, b.correct, b.class_index);
  });
  return sorted;
}

size_t CountRight(std::span<const JudgedDetection> detections) {
  return static_cast<size_t>(std::count_if(detections.begin(), detections.end(),
                                           [](const JudgedDetection& d) { return d.correct; }));
}

// Detections next to each other by score that are given one probability.
struct Block {
  double centre;  // mean score
  double right;
  double count;

  double Share() const { return right / count; }
};

Block Joined(const Block& below, const Block& above) {
  const double count = below.count + above.count;
  const double centre = (below.centre * below.count + above.centre * above.count) / count;
  // Rounding must not carry a centre out of its block: centres have to rise strictly.
  return {std::clamp(centre, below.centre, above.centre), below.right + above.right, count};
}

// Pool adjacent violators: joins blocks until their shares rise strictly.
std::vector<Block> Pool(std::span<const Block> blocks) {
  std::vector<Block> pooled;
  for (Block block : blocks) {
    while (!pooled.empty() && pooled.back().Share() >= block.Share()) {
      block = Joined(pooled.back(), block);
      pooled.pop_back();
    }
    pooled.push_back(block);
  }
  return pooled;
}

// Isotonic regression, with three changes for a ranking by entropy:
// - Each block gets one more detection, half right (Jeffreys' prior: (k + ½) / (n + 1)). A few detections,
//   all of them right, would otherwise claim certainty, and an entropy of 0. Small blocks move further than
//   large ones, so blocks are pooled again.
// - Lines through the blocks' centres instead of steps: within a block the order of scores isn't lost, and
//   where precision rises steadily the lines are the closer estimate.
// - At the ends, score 0 has what its block would have with one more wrong detection, score 1 with one more
//   right. That keeps the order as well, and moves the block's own detections by less than chance did. Lines
//   to probabilities 0 and 1 would believe the scores where the data have said what they are worth.
// Requires: detections sorted, at least one.
CalibrationMap FitIsotonic(std::span<const JudgedDetection> detections) {
  std::vector<Block> blocks;
  for (const JudgedDetection& detection : detections) {
    if (blocks.empty() || blocks.back().centre != detection.score) blocks.push_back({detection.score, 0, 0});
    blocks.back().count += 1;
    if (detection.correct) blocks.back().right += 1;
  }
  blocks = Pool(blocks);
  for (Block& block : blocks) {
    block.right += 0.5;
    block.count += 1;
  }
  blocks = Pool(blocks);

  CalibrationMap map;
  map.kind = CalibrationMap::Kind::kIsotonic;
  const auto add = [&map](double score, double probability) {
    map.scores.push_back(score);
    map.probabilities.push_back(probability);
  };
  const Block& first = blocks.front();
  const Block& last = blocks.back();
  if (first.centre > 0) add(0, first.right / (first.count + 1));
  for (const Block& block : blocks) add(block.centre, block.Share());
  if (last.centre < 1) add(1, (last.right + 1) / (last.count + 1));
  return map;
}

double Logit(double p) {
  constexpr double kNearest = 1e-6;  // to 0 and to 1, which have no logit; single precision rounds to them
  p = std::clamp(p, kNearest, 1 - kNearest);
  return std::log(p / (1 - p));
}

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

struct Point {
  double logit;
  double target;
};

struct Line {
  double slope;
  double offset;
};

// Weight of the prior belief in a slope of 1, as one on the log loss in nats: ½ (slope - 1)². Where nothing
// speaks of the slope (all right, all wrong, one score only) the detector's own order stays.
constexpr double kSlopePrior = 1;

double Loss(std::span<const Point> points, const Line& line) {
  double loss = kSlopePrior / 2 * (line.slope - 1) * (line.slope - 1);
  for (const Point& point : points) {
    const double x = line.slope * point.logit + line.offset;
    loss += std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))) - point.target * x;
  }
  return loss;
}

struct Derivatives {
  double slope = 0;
  double offset = 0;
  double slope_slope = 0;
  double slope_offset = 0;
  double offset_offset = 0;
};

Derivatives DerivativesOf(std::span<const Point> points, const Line& line) {
  Derivatives d;
  d.slope = kSlopePrior * (line.slope - 1);
  d.slope_slope = kSlopePrior;
  for (const Point& point : points) {
    const double p = Sigmoid(line.slope * point.logit + line.offset);
    const double weight = p * (1 - p);
    d.slope += (p - point.target) * point.logit;
    d.offset += p - point.target;
    d.slope_slope += weight * point.logit * point.logit;
    d.slope_offset += weight * point.logit;
    d.offset_offset += weight;
  }
  return d;
}

// Newton's method from `line` to the least loss, which is convex; steps are halved while they overshoot.
Line Descend(std::span<const Point> points, Line line) {
  constexpr int kMostSteps = 100;  // fewer than ten are usual
  // Nats still to gain: above the rounding of large sums. The step made then squares the distance that is
  // left.
  constexpr double kConverged = 1e-6;
  for (int i = 0; i < kMostSteps; ++i) {
    const Derivatives d = DerivativesOf(points, line);
    const double determinant = d.slope_slope * d.offset_offset - d.slope_offset * d.slope_offset;
    const Line step = {(d.slope * d.offset_offset - d.offset * d.slope_offset) / determinant,
                       (d.offset * d.slope_slope - d.slope * d.slope_offset) / determinant};
    const auto moved = [&](double fraction) {
      return Line{line.slope - fraction * step.slope, line.offset - fraction * step.offset};
    };
    const double gain = d.slope * step.slope + d.offset * step.offset;
    if (gain < kConverged) return moved(1);
    const double loss = Loss(points, line);
    double fraction = 1;
    while (Loss(points, moved(fraction)) > loss) fraction /= 2;
    line = moved(fraction);
  }
  return line;
}

// Requires: detections sorted, at least one.
CalibrationMap FitPlatt(std::span<const JudgedDetection> detections) {
  const auto right = static_cast<double>(CountRight(detections));
  const double wrong = static_cast<double>(detections.size()) - right;
  const double right_target = (right + 1) / (right + 2);
  const double wrong_target = 1 / (wrong + 2);
  std::vector<Point> points;
  points.reserve(detections.size());
  for (const JudgedDetection& detection : detections) {
    points.push_back({Logit(detection.score), detection.correct ? right_target : wrong_target});
  }
  const Line level = {0, Logit((right * right_target + wrong * wrong_target) / (right + wrong))};
  Line line = Descend(points, level);
  // The loss is convex: if its minimum is a falling line, the best of the others is the level one.
  if (line.slope < 0) line = level;

  CalibrationMap map;
  map.kind = CalibrationMap::Kind::kPlatt;
  map.slope = line.slope;
  map.offset = line.offset;
  return map;
}

double Interpolated(const CalibrationMap& map, double score) {
  const auto above = std::upper_bound(map.scores.begin() + 1, map.scores.end() - 1, score);
  const auto i = static_cast<size_t>(above - map.scores.begin());
  const double way = (score - map.scores[i - 1]) / (map.scores[i] - map.scores[i - 1]);
  return std::lerp(map.probabilities[i - 1], map.probabilities[i], way);
}

}  // namespace

double Calibrated(const CalibrationMap& map, double score) {
  score = std::clamp(score, 0.0, 1.0);
  switch (map.kind) {
    case CalibrationMap::Kind::kIdentity:
      break;
    case CalibrationMap::Kind::kIsotonic:
      return Interpolated(map, score);
    case CalibrationMap::Kind::kPlatt:
      return Sigmoid(map.slope * Logit(score) + map.offset);
  }
  return score;
}

std::vector<CalibrationMap> FitCalibration(std::span<const JudgedDetection> detections, int class_count) {
  const auto classes = static_cast<size_t>(class_count);
  if (detections.size() < kFewestDetections) return std::vector<CalibrationMap>(classes);
  const std::vector<JudgedDetection> sorted = Sorted(detections);
  std::vector<std::vector<JudgedDetection>> of_class(classes);
  for (const JudgedDetection& detection : sorted) {
    of_class[static_cast<size_t>(detection.class_index)].push_back(detection);
  }
  std::vector<CalibrationMap> maps(classes, FitPlatt(sorted));
  for (size_t c = 0; c < classes; ++c) {
    const size_t right = CountRight(of_class[c]);
    const bool thin = right < kFewestOfAKind || of_class[c].size() - right < kFewestOfAKind;
    if (!thin) maps[c] = FitIsotonic(of_class[c]);
  }
  return maps;
}

std::optional<double> DetectionCalibrationError(std::span<const JudgedDetection> detections,
                                                std::span<const CalibrationMap> maps) {
  if (detections.empty()) return std::nullopt;
  // Half a holdout has some hundred detections: more bins would measure chance.
  constexpr size_t kBins = 10;
  std::array<double, kBins> excess{};  // Σ confidence - right detections, of each bin
  for (const JudgedDetection& detection : Sorted(detections)) {
    const double confidence = Calibrated(maps[static_cast<size_t>(detection.class_index)], detection.score);
    const auto bin = static_cast<size_t>(confidence * static_cast<double>(kBins));
    excess[std::min(bin, kBins - 1)] += confidence - (detection.correct ? 1 : 0);
  }
  double error = 0;
  for (const double bin : excess) error += std::abs(bin);
  return error / static_cast<double>(detections.size());
}

}  // namespace loupe::ranking
