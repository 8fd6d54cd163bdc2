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

// Sorted by score, then by all other fields, so that sums don't depend on the order given.
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

// Detections with neighbouring scores that get one probability.
struct Block {
  double centre;  // mean score
  double right;
  double count;

  double Share() const { return right / count; }
};

Block Joined(const Block& below, const Block& above) {
  const double count = below.count + above.count;
  const double centre = (below.centre * below.count + above.centre * above.count) / count;
  // Centres have to rise strictly, so rounding must not move one out of its block.
  return {std::clamp(centre, below.centre, above.centre), below.right + above.right, count};
}

// Pool adjacent violators: joins neighbouring blocks until their shares rise strictly.
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
// - Each block gets one more detection, half correct (Jeffreys' prior: (k + ½) / (n + 1)). Otherwise a few
//   detections that are all correct would get probability 1, and an entropy of 0. The prior moves small
//   blocks further than large ones, so blocks are pooled a second time.
// - Lines through the blocks' centres instead of steps. They keep the order of scores within a block, and are
//   the closer estimate where precision rises steadily.
// - Score 0 gets the probability that the first block would have with one more wrong detection, score 1 that
//   of the last block with one more correct detection. This keeps the order of scores beyond the outermost
//   centres. Lines to the probabilities 0 and 1 would trust scores that the data have shown to be wrong.
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

struct ScorePoint {
  double logit;
  double target;
};

struct Line {
  double slope;
  double offset;
};

// Weight of a prior on the slope, ½ (slope - 1)² in nats of log loss. It keeps the detector's own order where
// the data don't determine the slope: all correct, all wrong, or a single score.
constexpr double kSlopePrior = 1;

double Loss(std::span<const ScorePoint> points, const Line& line) {
  double loss = kSlopePrior / 2 * (line.slope - 1) * (line.slope - 1);
  for (const ScorePoint& point : points) {
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

Derivatives DerivativesOf(std::span<const ScorePoint> points, const Line& line) {
  Derivatives d;
  d.slope = kSlopePrior * (line.slope - 1);
  d.slope_slope = kSlopePrior;
  for (const ScorePoint& point : points) {
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

// Minimises the loss, which is convex, by Newton's method from `line`. A step that overshoots is halved.
Line Descend(std::span<const ScorePoint> points, Line line) {
  constexpr int kMostSteps = 100;  // fewer than ten are usual
  // Nats still to gain. Above the rounding error of large sums; one more step then makes the rest negligible.
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
  std::vector<ScorePoint> points;
  points.reserve(detections.size());
  for (const JudgedDetection& detection : detections) {
    points.push_back({Logit(detection.score), detection.correct ? right_target : wrong_target});
  }
  const Line level = {0, Logit((right * right_target + wrong * wrong_target) / (right + wrong))};
  Line line = Descend(points, level);
  // Scores must not lower probabilities. As the loss is convex, the best line that doesn't fall is then the
  // level one.
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
  // Half a holdout has some hundred detections; with more bins the error would mostly measure chance.
  constexpr size_t kBins = 10;
  std::array<double, kBins> excess{};  // [bins] Σ confidence - number of correct detections
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
