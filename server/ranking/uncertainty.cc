#include "server/ranking/uncertainty.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/ranking/median.h"

namespace loupe::ranking {
namespace {

constexpr std::array<std::pair<Strategy, std::string_view>, 6> kNames = {
    {{Strategy::kCombined, "combined"},
     {Strategy::kEntropy, "entropy"},
     {Strategy::kMargin, "margin"},
     {Strategy::kLeastConfidence, "least_confidence"},
     {Strategy::kConsistency, "consistency"},
     {Strategy::kRandom, "random"}}};

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
  return absl::InvalidArgumentError(
      absl::StrCat("unknown strategy \"", std::string(name),
                   "\"; known are combined, entropy, margin, least_confidence, consistency, random"));
}

std::string_view StrategyName(Strategy strategy) {
  for (const auto& [known, name] : kNames) {
    if (known == strategy) return name;
  }
  return "";
}

absl::StatusOr<BoxToImage> ParseBoxToImage(std::string_view name) {
  if (name == "sum") return BoxToImage::kSum;
  if (name == "mean") return BoxToImage::kMean;
  if (name == "max") return BoxToImage::kMax;
  return absl::InvalidArgumentError(absl::StrCat("unknown way from boxes to an image, \"", std::string(name),
                                                 "\"; known are sum, mean, max"));
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

std::vector<bool> RareClasses(std::span<const int64_t> boxes_per_class) {
  std::vector<bool> rare(boxes_per_class.size());
  if (rare.empty()) return rare;
  const double median = Median(std::vector<double>(boxes_per_class.begin(), boxes_per_class.end()));
  for (size_t c = 0; c < rare.size(); ++c) rare[c] = static_cast<double>(boxes_per_class[c]) < median / 2;
  return rare;
}

}  // namespace loupe::ranking
