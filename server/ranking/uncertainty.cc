#include "server/ranking/uncertainty.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/ranking/random_draw.h"

namespace loupe::ranking {
namespace {

constexpr double kCountedScore = 0.05;
constexpr size_t kCountedBoxes = 20;
// A softmax in single precision may end this little above 1.
constexpr double kRounding = 1e-5;

constexpr std::array<std::pair<Strategy, std::string_view>, 4> kNames = {
    {{Strategy::kEntropy, "entropy"},
     {Strategy::kMargin, "margin"},
     {Strategy::kLeastConfidence, "least_confidence"},
     {Strategy::kRandom, "random"}}};

// Why an image can't be ranked, or nullopt.
std::optional<std::string> Fault(const PredictedImage& image) {
  for (size_t i = 0; i < image.boxes.size(); ++i) {
    const PredictedBox& box = image.boxes[i];
    for (const auto& [name, number] :
         {std::pair{"score", box.score}, std::pair{"runner-up's score", box.runner_up},
          std::pair{"background score", box.background}}) {
      if (!(number >= -kRounding && number <= 1 + kRounding)) {  // NaN fails every comparison
        return absl::StrCat("box ", i, " has a ", name, " of ", number, ", which is not within 0 and 1");
      }
    }
  }
  return std::nullopt;
}

// The boxes that count, most confident first. Fully ordered, so that sums don't depend on the order given.
std::vector<PredictedBox> CountedBoxes(const PredictedImage& image) {
  std::vector<PredictedBox> boxes;
  for (const PredictedBox& box : image.boxes) {
    if (box.score >= kCountedScore) boxes.push_back(box);
  }
  std::sort(boxes.begin(), boxes.end(), [](const PredictedBox& a, const PredictedBox& b) {
    return std::tie(a.score, a.runner_up, a.background, a.category) >
           std::tie(b.score, b.runner_up, b.background, b.category);
  });
  return boxes;
}

double ScoreOf(const std::vector<PredictedBox>& counted, const ScoringOptions& options) {
  double uncertainty = 0;
  double expected_boxes = 0;
  for (size_t i = 0; i < counted.size(); ++i) {
    expected_boxes += counted[i].score;
    if (i < kCountedBoxes) uncertainty += BoxUncertainty(options.strategy, counted[i]);
  }
  const double seconds = options.seconds_per_image + options.seconds_per_box * expected_boxes;
  return uncertainty / std::pow(seconds, options.cost_exponent);
}

// In [0, 1]: how close the best of the boxes came to being counted.
double EmptyScore(const PredictedImage& image) {
  double largest = 0;
  for (const PredictedBox& box : image.boxes) largest = std::max(largest, box.score);
  return BinaryEntropy(std::min(largest, kCountedScore)) / BinaryEntropy(kCountedScore);
}

double RareEvidence(const std::vector<PredictedBox>& counted, const std::vector<bool>& rare) {
  double evidence = 0;
  for (const PredictedBox& box : counted) {
    const auto category = static_cast<size_t>(box.category);
    if (category < rare.size() && rare[category]) evidence = std::max(evidence, box.score);
  }
  return evidence;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// Brings images without boxes, scored in [0, 1] so far, below the median of those with boxes.
void ScaleEmpty(std::vector<ImageScore>& scores) {
  std::vector<double> with_boxes;
  for (const ImageScore& score : scores) {
    if (!score.empty) with_boxes.push_back(score.score);
  }
  if (with_boxes.empty()) return;
  const double median = Median(std::move(with_boxes));
  for (ImageScore& score : scores) {
    if (score.empty) score.score *= median;
  }
}

}  // namespace

absl::StatusOr<Strategy> ParseStrategy(std::string_view name) {
  for (const auto& [strategy, known] : kNames) {
    if (known == name) return strategy;
  }
  return absl::InvalidArgumentError(absl::StrCat("unknown strategy \"", std::string(name),
                                                 "\"; known are entropy, margin, least_confidence, random"));
}

std::string_view StrategyName(Strategy strategy) {
  for (const auto& [known, name] : kNames) {
    if (known == strategy) return name;
  }
  return "";
}

double BinaryEntropy(double p) {
  if (p <= 0 || p >= 1) return 0;
  return -p * std::log2(p) - (1 - p) * std::log2(1 - p);
}

double BoxUncertainty(Strategy strategy, const PredictedBox& box) {
  const double rival = std::max(box.runner_up, box.background);
  double uncertainty = 0;
  switch (strategy) {
    case Strategy::kEntropy:
      uncertainty = BinaryEntropy(box.score);
      break;
    case Strategy::kMargin:
      uncertainty = 1 - std::abs(box.score - rival);
      break;
    case Strategy::kLeastConfidence:
      uncertainty = 1 - std::max(box.score, rival);
      break;
    case Strategy::kRandom:
      break;
  }
  return std::clamp(uncertainty, 0.0, 1.0);
}

ScoredPool ScorePool(std::span<const PredictedImage> images, std::span<const int64_t> boxes_per_class,
                     const ScoringOptions& options) {
  const std::vector<bool> rare = RareClasses(boxes_per_class);
  ScoredPool pool;
  pool.scored.reserve(images.size());
  for (const PredictedImage& image : images) {
    if (std::optional<std::string> fault = Fault(image)) {
      pool.set_aside.push_back({image.image_id, *std::move(fault)});
      continue;
    }
    const std::vector<PredictedBox> counted = CountedBoxes(image);
    ImageScore score;
    score.image_id = image.image_id;
    score.empty = counted.empty();
    score.score = score.empty ? EmptyScore(image) : ScoreOf(counted, options);
    score.rare_evidence = RareEvidence(counted, rare);
    pool.scored.push_back(score);
  }
  if (options.strategy != Strategy::kRandom) {
    ScaleEmpty(pool.scored);
    return pool;
  }
  for (ImageScore& score : pool.scored) {
    score.score = 1 - static_cast<double>(DrawKey(options.seed, score.image_id)) * 0x1p-64;
  }
  return pool;
}

std::vector<bool> RareClasses(std::span<const int64_t> boxes_per_class) {
  std::vector<bool> rare(boxes_per_class.size());
  if (rare.empty()) return rare;
  const double median = Median(std::vector<double>(boxes_per_class.begin(), boxes_per_class.end()));
  for (size_t c = 0; c < rare.size(); ++c) rare[c] = static_cast<double>(boxes_per_class[c]) < median / 2;
  return rare;
}

}  // namespace loupe::ranking
