#include "server/ranking/uncertainty.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "recipe/strategies.h"
#include "server/ranking/random_draw.h"

namespace loupe::ranking {
namespace {

constexpr double kCountedScore = 0.05;
constexpr size_t kCountedBoxes = 20;
// A softmax in single precision may end this little above 1.
constexpr double kRounding = 1e-5;

constexpr std::array<std::pair<Strategy, std::string_view>, 6> kNames = {
    {{Strategy::kCombined, kCombinedName},
     {Strategy::kEntropy, kEntropyName},
     {Strategy::kMargin, kMarginName},
     {Strategy::kLeastConfidence, kLeastConfidenceName},
     {Strategy::kConsistency, kConsistencyName},
     {Strategy::kRandom, kRandomName}}};
static_assert(kNames.size() == kStrategyNames.size());

// False for NaN, which fails every comparison.
bool IsProbability(double number) { return number >= -kRounding && number <= 1 + kRounding; }

// Why an image can't be ranked, or nullopt.
std::optional<std::string> Fault(const PredictedImage& image, Strategy strategy) {
  for (size_t i = 0; i < image.boxes.size(); ++i) {
    const PredictedBox& box = image.boxes[i];
    if (strategy == Strategy::kConsistency && !box.agreement.has_value()) {
      return absl::StrCat("box ", i, " has no agreement: the mirrored image was not predicted");
    }
    for (const auto& [name, number] :
         {std::pair{"score", box.score}, std::pair{"runner-up's score", box.runner_up},
          std::pair{"background score", box.background}, std::pair{"agreement", box.agreement.value_or(0)}}) {
      if (!IsProbability(number)) {
        return absl::StrCat("box ", i, " has a ", name, " of ", number, ", which is not within 0 and 1");
      }
    }
  }
  const double largest = image.largest_foreground;
  if (!IsProbability(largest)) {
    return absl::StrCat("the largest foreground score is ", largest, ", which is not within 0 and 1");
  }
  return std::nullopt;
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

// d_c of ClassWeights.
double Difficulty(double learning_quality) {
  constexpr double kAlpha = 0.3;
  constexpr double kBeta = 0.2;
  return 1 + kAlpha * kBeta * std::log((std::exp(1 / kAlpha) - 1) * (1 - learning_quality) + 1);
}

}  // namespace

absl::StatusOr<Strategy> ParseStrategy(std::string_view name) {
  for (const auto& [strategy, known] : kNames) {
    if (known == name) return strategy;
  }
  return absl::InvalidArgumentError(absl::StrCat("unknown strategy \"", std::string(name), "\"; known are ",
                                                 absl::StrJoin(kStrategyNames, ", ")));
}

std::string_view StrategyName(Strategy strategy) {
  for (const auto& [known, name] : kNames) {
    if (known == strategy) return name;
  }
  return "";
}

absl::StatusOr<BoxToImage> ParseBoxToImage(std::string_view name) {
  if (name == kSumName) return BoxToImage::kSum;
  if (name == kMeanName) return BoxToImage::kMean;
  if (name == kMaxName) return BoxToImage::kMax;
  return absl::InvalidArgumentError(absl::StrCat("unknown way from boxes to an image, \"", std::string(name),
                                                 "\"; known are ", absl::StrJoin(kBoxToImageNames, ", ")));
}

double BinaryEntropy(double p) {
  if (p <= 0 || p >= 1) return 0;
  return -p * std::log2(p) - (1 - p) * std::log2(1 - p);
}

PredictedBox Calibrated(const CalibrationMap& calibration, const PredictedBox& box) {
  PredictedBox calibrated = box;
  calibrated.score = Calibrated(calibration, std::clamp(box.score, 0.0, 1.0));
  const double share = box.score < 1 ? (1 - calibrated.score) / (1 - box.score) : 1;
  calibrated.runner_up = std::clamp(box.runner_up * share, 0.0, 1.0);
  calibrated.background = std::clamp(box.background * share, 0.0, 1.0);
  return calibrated;
}

double BoxUncertainty(Strategy strategy, const PredictedBox& box) {
  const double rival = std::max(box.runner_up, box.background);
  double uncertainty = 0;
  switch (strategy) {
    case Strategy::kCombined:
      uncertainty = BinaryEntropy(box.score);
      if (box.agreement.has_value()) uncertainty = (uncertainty + 1 - *box.agreement) / 2;
      break;
    case Strategy::kConsistency:
      uncertainty = 1 - *box.agreement;
      break;
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

std::vector<double> ClassWeights(std::span<const int64_t> boxes_per_class,
                                 std::span<const double> learning_quality) {
  constexpr double kLightest = 0.5;
  constexpr double kHeaviest = 3;
  std::vector<double> weights;
  if (boxes_per_class.empty()) return weights;
  const double median = Median(std::vector<double>(boxes_per_class.begin(), boxes_per_class.end())) + 1;
  for (size_t c = 0; c < boxes_per_class.size(); ++c) {
    const double scarcity = std::sqrt(median / (static_cast<double>(boxes_per_class[c]) + 1));
    const double difficulty = learning_quality.empty() ? 1 : Difficulty(learning_quality[c]);
    weights.push_back(std::clamp(scarcity, kLightest, kHeaviest) * difficulty);
  }
  return weights;
}

PredictedBox PoolScorer::Calibrate(const PredictedBox& box) const {
  const auto category = static_cast<size_t>(box.category);
  if (category >= options_.calibrations.size()) return box;
  return Calibrated(options_.calibrations[category], box);
}

// The boxes that count, calibrated, most confident first. Fully ordered, so that sums don't depend on the
// order given.
std::vector<PredictedBox> PoolScorer::CountedBoxes(const PredictedImage& image) const {
  std::vector<PredictedBox> boxes;
  for (const PredictedBox& raw : image.boxes) {
    const PredictedBox box = Calibrate(raw);
    if (box.score >= kCountedScore) boxes.push_back(box);
  }
  std::sort(boxes.begin(), boxes.end(), [](const PredictedBox& a, const PredictedBox& b) {
    return std::tie(a.score, a.runner_up, a.background, a.agreement, a.category) >
           std::tie(b.score, b.runner_up, b.background, b.agreement, b.category);
  });
  return boxes;
}

void PoolScorer::ScoreBoxes(const std::vector<PredictedBox>& counted, ImageScore& score) const {
  double sum = 0;
  double largest = 0;
  double presence = 0;
  double expected_boxes = 0;
  const bool only_largest = options_.box_to_image == BoxToImage::kMax;
  std::map<size_t, double> worth_by_class;
  for (size_t i = 0; i < counted.size(); ++i) {
    expected_boxes += counted[i].score;
    if (i >= kCountedBoxes) continue;
    const auto category = static_cast<size_t>(counted[i].category);
    const double weight = category < options_.class_weights.size() ? options_.class_weights[category] : 1;
    const double present = options_.strategy == Strategy::kCombined ? counted[i].score : 1;
    const double worth = present * weight * BoxUncertainty(options_.strategy, counted[i]);
    sum += worth;
    largest = std::max(largest, worth);
    presence += present;
    double& of_class = worth_by_class[category];
    of_class = only_largest ? std::max(of_class, worth) : of_class + worth;
  }
  double worth = only_largest ? largest : sum;
  if (options_.box_to_image == BoxToImage::kMean) worth /= presence;
  const double seconds = options_.task_times.per_image + options_.task_times.per_box * expected_boxes;
  score.score = worth / std::pow(seconds, options_.cost_exponent);
  const auto less = [](const auto& a, const auto& b) { return a.second < b.second; };
  score.main_class = std::max_element(worth_by_class.begin(), worth_by_class.end(), less)->first;
}

// In [0, 1]: how close the best of the boxes came to being counted.
double PoolScorer::EmptyScore(const PredictedImage& image) const {
  double largest = image.boxes.empty() ? image.largest_foreground : 0;
  for (const PredictedBox& box : image.boxes) largest = std::max(largest, Calibrate(box).score);
  return BinaryEntropy(std::min(largest, kCountedScore)) / BinaryEntropy(kCountedScore);
}

double PoolScorer::RareEvidence(const std::vector<PredictedBox>& counted) const {
  double evidence = 0;
  for (const PredictedBox& box : counted) {
    const auto category = static_cast<size_t>(box.category);
    if (category < options_.rare_classes.size() && options_.rare_classes[category]) {
      evidence = std::max(evidence, box.score);
    }
  }
  return evidence;
}

void PoolScorer::Add(const PredictedImage& image) {
  if (std::optional<std::string> fault = Fault(image, options_.strategy)) {
    pool_.set_aside.push_back({image.image_id, *std::move(fault)});
    return;
  }
  ImageScore score;
  score.image_id = image.image_id;
  const std::vector<PredictedBox> counted = CountedBoxes(image);
  score.empty = counted.empty();
  score.rare_evidence = RareEvidence(counted);
  if (options_.strategy == Strategy::kRandom) {
    score.score = 1 - static_cast<double>(DrawKey(options_.seed, score.image_id)) * 0x1p-64;
  } else if (score.empty) {
    score.score = EmptyScore(image);
  } else {
    ScoreBoxes(counted, score);
  }
  pool_.scored.push_back(score);
}

ScoredPool PoolScorer::Finish() && {
  if (options_.strategy != Strategy::kRandom) ScaleEmpty(pool_.scored);
  return std::move(pool_);
}

std::vector<bool> RareClasses(std::span<const int64_t> boxes_per_class) {
  std::vector<bool> rare(boxes_per_class.size());
  if (rare.empty()) return rare;
  const double median = Median(std::vector<double>(boxes_per_class.begin(), boxes_per_class.end()));
  for (size_t c = 0; c < rare.size(); ++c) rare[c] = static_cast<double>(boxes_per_class[c]) < median / 2;
  return rare;
}

}  // namespace loupe::ranking
