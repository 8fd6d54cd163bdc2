#include "server/quality/planted_error.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "evaluation/seeded_random.h"

namespace loupe::quality {
namespace {

using evaluation::SeededRandom;

constexpr int kTries = 200;
constexpr double kBesideIt = 0.1;
// Of a model's boxes: how far a side is off, as a share of the box's own.
constexpr double kSideDeviation = 0.04;
// An invented box is as large as a true one, give or take.
constexpr double kLeastScale = 0.7, kMostScale = 1.4;
// In pixels; smaller boxes aren't shown.
constexpr float kLeastSide = 2;

double Normal(SeededRandom& random) {  // Box and Muller 1958
  const double length = std::sqrt(-2 * std::log(1 - random.Uniform()));
  return length * std::cos(2 * std::numbers::pi * random.Uniform());
}

float Width(const AnswerBox& box) { return box.corners[2] - box.corners[0]; }
float Height(const AnswerBox& box) { return box.corners[3] - box.corners[1]; }

AnswerBox Clipped(AnswerBox box, const PlantingImage& image) {
  for (size_t i = 0; i < 4; ++i)
    box.corners[i] = std::clamp(box.corners[i], 0.0F, i % 2 == 0 ? image.width : image.height);
  return box;
}

AnswerBox Moved(AnswerBox box, double x, double y) {
  for (size_t i = 0; i < 4; ++i) box.corners[i] += static_cast<float>(i % 2 == 0 ? x : y);
  return box;
}

double LargestIou(const AnswerBox& box, const Answer& truth) {
  double largest = 0;
  for (const AnswerBox& one : truth) largest = std::max(largest, Iou(box, one));
  return largest;
}

// As a model would draw it. It stays the same thing.
AnswerBox AsPredicted(const AnswerBox& truth, const PlantingImage& image, SeededRandom& random) {
  for (int i = 0; i < kTries; ++i) {
    AnswerBox box = truth;
    for (size_t side = 0; side < 4; ++side) {
      const float length = side % 2 == 0 ? Width(truth) : Height(truth);
      box.corners[side] += static_cast<float>(Normal(random) * kSideDeviation * length);
    }
    box = Clipped(box, image);
    if (Iou(box, truth) > kSameThing) return box;
  }
  return truth;
}

std::optional<AnswerBox> Shifted(const AnswerBox& truth, const PlantingImage& image, SeededRandom& random) {
  for (int i = 0; i < kTries; ++i) {
    const double angle = 2 * std::numbers::pi * random.Uniform();
    const double share = 0.35 + 0.4 * random.Uniform();
    const AnswerBox box = Clipped(
        Moved(truth, share * std::cos(angle) * Width(truth), share * std::sin(angle) * Height(truth)), image);
    const double iou = Iou(box, truth);
    if (iou < kBesideIt || iou >= kSameThing || LargestIou(box, image.truth) >= kSameThing) continue;
    if (Width(box) >= kLeastSide && Height(box) >= kLeastSide) return box;
  }
  return std::nullopt;
}

std::optional<AnswerBox> Invented(const PlantingImage& image, std::span<const int32_t> labels,
                                  SeededRandom& random) {
  for (int i = 0; i < kTries && !labels.empty(); ++i) {
    // Without a true box to go by, a tenth of the picture.
    double width = image.width / 10, height = image.height / 10;
    if (!image.truth.empty()) {
      const AnswerBox& like = image.truth[random.Below(image.truth.size())];
      const double scale = kLeastScale * std::pow(kMostScale / kLeastScale, random.Uniform());
      width = std::min<double>(Width(like) * scale, image.width);
      height = std::min<double>(Height(like) * scale, image.height);
    }
    if (width < kLeastSide || height < kLeastSide) continue;
    AnswerBox box;
    box.label = labels[random.Below(labels.size())];
    box.corners = {0, 0, static_cast<float>(width), static_cast<float>(height)};
    box = Clipped(
        Moved(box, random.Uniform() * (image.width - width), random.Uniform() * (image.height - height)),
        image);
    if (LargestIou(box, image.truth) < kBesideIt) return box;
  }
  return std::nullopt;
}

std::optional<int32_t> OtherLabel(int32_t label, std::span<const int32_t> labels, SeededRandom& random) {
  std::vector<int32_t> others;
  std::copy_if(labels.begin(), labels.end(), std::back_inserter(others),
               [&](int32_t other) { return other != label; });
  if (others.empty()) return std::nullopt;
  return others[random.Below(others.size())];
}

template <typename T>
void Shuffle(std::vector<T>& values, SeededRandom& random) {
  for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random.Below(i)]);
}

}  // namespace

std::optional<size_t> TruthCount(PlantedKind kind, size_t pattern_boxes) {
  if (kind == PlantedKind::kDeleted) return pattern_boxes + 1;
  if (pattern_boxes == 0) return std::nullopt;
  return kind == PlantedKind::kInvented ? pattern_boxes - 1 : pattern_boxes;
}

std::optional<PlantedTask> PlantError(const PlantingImage& image, std::span<const float> pattern,
                                      std::span<const int32_t> labels, PlantedKind kind, uint64_t seed) {
  SeededRandom random(seed);
  std::vector<AnswerBox> shown;
  for (const AnswerBox& truth : image.truth) shown.push_back(AsPredicted(truth, image, random));
  PlantedTask task;
  task.kind = kind;
  const size_t chosen = shown.empty() ? 0 : random.Below(shown.size());
  std::optional<AnswerBox> error;
  if (kind == PlantedKind::kInvented) {
    error = Invented(image, labels, random);
    if (error.has_value()) shown.push_back(*error);
  } else if (kind == PlantedKind::kDeleted) {
    error = image.truth[chosen];
    shown.erase(shown.begin() + static_cast<std::ptrdiff_t>(chosen));
  } else if (kind == PlantedKind::kShifted) {
    error = Shifted(image.truth[chosen], image, random);
    if (error.has_value()) shown[chosen] = *error;
  } else if (const auto label = OtherLabel(shown[chosen].label, labels, random); label.has_value()) {
    shown[chosen].label = *label;
    error = shown[chosen];
  }
  if (!error.has_value()) return std::nullopt;
  task.error = *error;

  Shuffle(shown, random);
  std::vector<float> scores(pattern.begin(), pattern.end());
  std::sort(scores.begin(), scores.end(), std::greater<>());
  for (size_t i = 0; i < shown.size(); ++i) task.boxes.push_back({shown[i], scores[i]});
  return task;
}

bool IsCaught(PlantedKind kind, const AnswerBox& error, const Answer& answer) {
  const bool has_it = std::any_of(answer.begin(), answer.end(), [&](const AnswerBox& box) {
    const bool same_label = kind != PlantedKind::kRelabelled || box.label == error.label;
    return same_label && Iou(box, error) >= kSameThing;
  });
  return has_it == (kind == PlantedKind::kDeleted);
}

}  // namespace loupe::quality
