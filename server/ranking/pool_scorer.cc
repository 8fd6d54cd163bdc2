#include "server/ranking/pool_scorer.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "server/ranking/median.h"
#include "server/ranking/random_draw.h"

namespace loupe::ranking {
namespace {

constexpr double kCountedScore = 0.05;
constexpr size_t kCountedBoxes = 20;
// A softmax in single precision may end this little above 1.
constexpr double kRounding = 1e-5;

// False for NaN, which fails every comparison.
bool IsProbability(double number) { return number >= -kRounding && number <= 1 + kRounding; }

// Why an image can't be ranked. nullopt: it can.
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

// Scales images without boxes, scored in [0, 1] so far, to below the median of the images with boxes.
void ScaleEmpty(std::vector<Candidate>& images) {
  std::vector<double> with_boxes;
  for (const Candidate& image : images) {
    if (!image.empty) with_boxes.push_back(*image.score);
  }
  if (with_boxes.empty()) return;
  const double median = Median(std::move(with_boxes));
  for (Candidate& image : images) {
    if (image.empty) *image.score *= median;
  }
}

}  // namespace

PredictedBox PoolScorer::Calibrate(const PredictedBox& box) const {
  if (box.class_index >= options_.calibrations.size()) return box;
  return Calibrated(options_.calibrations[box.class_index], box);
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
    return std::tie(a.score, a.runner_up, a.background, a.agreement, a.class_index) >
           std::tie(b.score, b.runner_up, b.background, b.agreement, b.class_index);
  });
  return boxes;
}

void PoolScorer::ScoreBoxes(const std::vector<PredictedBox>& counted, Candidate& image) const {
  double sum = 0;
  double largest = 0;
  double presence = 0;
  double expected_boxes = 0;
  const bool only_largest = options_.box_to_image == BoxToImage::kMax;
  std::map<size_t, double> worth_by_class;
  for (size_t i = 0; i < counted.size(); ++i) {
    expected_boxes += counted[i].score;
    if (i >= kCountedBoxes) continue;
    const size_t class_index = counted[i].class_index;
    const double weight =
        class_index < options_.class_weights.size() ? options_.class_weights[class_index] : 1;
    const double present = options_.strategy == Strategy::kCombined ? counted[i].score : 1;
    const double worth = present * weight * BoxUncertainty(options_.strategy, counted[i]);
    sum += worth;
    largest = std::max(largest, worth);
    presence += present;
    double& of_class = worth_by_class[class_index];
    of_class = only_largest ? std::max(of_class, worth) : of_class + worth;
  }
  double worth = only_largest ? largest : sum;
  if (options_.box_to_image == BoxToImage::kMean) worth /= presence;
  const double seconds = options_.task_times.per_image + options_.task_times.per_box * expected_boxes;
  image.score = worth / std::pow(seconds, options_.cost_exponent);
  const auto less = [](const auto& a, const auto& b) { return a.second < b.second; };
  image.main_class = std::max_element(worth_by_class.begin(), worth_by_class.end(), less)->first;
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
    if (box.class_index < options_.rare_classes.size() && options_.rare_classes[box.class_index]) {
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
  Candidate scored;
  scored.image_id = image.image_id;
  const std::vector<PredictedBox> counted = CountedBoxes(image);
  scored.empty = counted.empty();
  scored.rare_evidence = RareEvidence(counted);
  if (options_.strategy == Strategy::kRandom) {
    scored.score = 1 - static_cast<double>(DrawKey(options_.seed, scored.image_id)) * 0x1p-64;
  } else if (scored.empty) {
    scored.score = EmptyScore(image);
  } else {
    ScoreBoxes(counted, scored);
  }
  pool_.scored.push_back(scored);
}

ScoredPool PoolScorer::Finish() && {
  if (options_.strategy != Strategy::kRandom) ScaleEmpty(pool_.scored);
  return std::move(pool_);
}

}  // namespace loupe::ranking
