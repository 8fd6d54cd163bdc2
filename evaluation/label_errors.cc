#include "evaluation/label_errors.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <utility>

namespace loupe::evaluation {
namespace {

constexpr double kLeastBelief = 0.01;
constexpr double kSameThing = 0.5;  // IoU
constexpr double kTouching = 0.1;
// Share of a detection in a region to ignore from which it is not judged.
constexpr double kIgnored = 0.5;

double LogOdds(double belief, double against) {
  return std::log(std::max(belief, kLeastBelief) / std::max(against, kLeastBelief));
}

double Iou(const DetectedBox& detection, const TrueBox& label) {
  return IntersectionOverUnion(detection.box, label.box);
}

// Whether a label is of the same thing, or the detection lies in a region to ignore.
bool IsExplained(const DetectedBox& detection, const CheckedImage& image, double iou) {
  return std::any_of(image.labels.begin(), image.labels.end(), [&](const TrueBox& label) {
    if (label.crowd) return IntersectionOverUnion(detection.box, label.box, /*crowd=*/true) >= kIgnored;
    return Iou(detection, label) >= iou;
  });
}

// What may be wrong with one label: each way that is likelier than that it is right.
void AddErrorsOf(const CheckedImage& image, size_t place, std::vector<LabelError>& errors) {
  const TrueBox& label = image.labels[place];
  const std::vector<float>& chances = image.probabilities[place];
  double right = chances[static_cast<size_t>(label.class_index) + 1];
  LabelError moved = {.kind = LabelErrorKind::kMoved, .class_index = label.class_index};
  LabelError other = {.kind = LabelErrorKind::kWrongClass, .box = label.box};
  double in_other = 0, in_moved = 0, touching = 0;
  for (size_t i = 1; i < chances.size(); ++i) {
    const auto class_index = static_cast<int32_t>(i) - 1;
    if (class_index == label.class_index || chances[i] <= in_other) continue;
    in_other = chances[i];
    other.class_index = class_index;
  }
  for (const DetectedBox& detection : image.detections) {
    const double iou = Iou(detection, label);
    if (iou < kTouching) continue;
    if (detection.class_index != label.class_index) {
      if (iou < kSameThing || detection.score <= in_other) continue;
      in_other = detection.score;
      other.class_index = detection.class_index;
      continue;
    }
    touching = std::max(touching, detection.score);
    if (iou >= kSameThing) right = std::max(right, detection.score);
    if (detection.score > in_moved && !IsExplained(detection, image, kSameThing)) {
      in_moved = detection.score;
      moved.box = detection.box;
    }
  }
  other.log_odds = LogOdds(in_other, right);
  moved.log_odds = LogOdds(in_moved, right);
  const double something = std::max({right, in_other, touching});
  const LabelError invented = {.kind = LabelErrorKind::kInvented,
                               .log_odds = LogOdds(1 - something, something)};
  for (LabelError error : {invented, moved, other}) {
    if (error.log_odds <= 0) continue;
    error.label = static_cast<int32_t>(place);
    errors.push_back(error);
  }
}

// Things without a label: the surest detection of each place.
void AddMissing(const CheckedImage& image, std::vector<LabelError>& errors) {
  std::vector<DetectedBox> found;
  for (const DetectedBox& detection : image.detections) {
    if (detection.score > 0.5 && !IsExplained(detection, image, kTouching)) found.push_back(detection);
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const DetectedBox& one, const DetectedBox& two) { return one.score > two.score; });
  std::vector<DetectedBox> kept;
  for (const DetectedBox& detection : found) {
    const bool again = std::any_of(kept.begin(), kept.end(), [&](const DetectedBox& one) {
      return IntersectionOverUnion(detection.box, one.box) >= kSameThing;
    });
    if (again) continue;
    kept.push_back(detection);
    errors.push_back({.kind = LabelErrorKind::kMissing,
                      .box = detection.box,
                      .class_index = detection.class_index,
                      .log_odds = LogOdds(detection.score, 1 - detection.score)});
  }
}

// The class that the label has, or that a missing one should have.
int32_t ClassOf(const LabelError& error, std::span<const CheckedImage> images) {
  if (error.label < 0) return error.class_index;
  return images[static_cast<size_t>(error.image)].labels[static_cast<size_t>(error.label)].class_index;
}

// How many errors there are for each label, by what is wrong.
class ErrorRates {
 public:
  ErrorRates(std::span<const CheckedImage> images, std::span<const LabelError> errors) {
    for (const CheckedImage& image : images) {
      for (const TrueBox& label : image.labels) {
        if (label.crowd) continue;
        ++labels_;
        ++labels_of_[label.class_index];
      }
    }
    for (const LabelError& error : errors) {
      of_kind_[error.kind].push_back(error.log_odds);
      of_class_[{error.kind, ClassOf(error, images)}].push_back(error.log_odds);
    }
    for (auto& [kind, odds] : of_kind_) std::sort(odds.begin(), odds.end());
    for (auto& [key, odds] : of_class_) std::sort(odds.begin(), odds.end());
  }

  // Errors of the kind that are as likely or likelier, per label of the class. The rate of all classes counts
  // as much as kPriorLabels of its own.
  double AsLikely(LabelErrorKind kind, int32_t class_index, double log_odds) const {
    const auto count = [&](const std::vector<double>& odds) {
      return static_cast<double>(odds.end() - std::lower_bound(odds.begin(), odds.end(), log_odds));
    };
    const double of_all = count(of_kind_.at(kind)) / std::max(labels_, 1.0);
    const auto labels = labels_of_.find(class_index);
    const double own_labels = labels == labels_of_.end() ? 0 : labels->second;
    return (count(of_class_.at({kind, class_index})) + kPriorLabels * of_all) / (own_labels + kPriorLabels);
  }

 private:
  static constexpr double kPriorLabels = 10;

  double labels_ = 0;
  std::map<int32_t, double> labels_of_;
  std::map<LabelErrorKind, std::vector<double>> of_kind_;  // ascending
  std::map<std::pair<LabelErrorKind, int32_t>, std::vector<double>> of_class_;
};

}  // namespace

std::vector<LabelError> FindLabelErrors(std::span<const CheckedImage> images) {
  std::vector<LabelError> all;
  for (size_t i = 0; i < images.size(); ++i) {
    const size_t begin = all.size();
    for (size_t place = 0; place < images[i].labels.size(); ++place) {
      if (!images[i].labels[place].crowd) AddErrorsOf(images[i], place, all);
    }
    AddMissing(images[i], all);
    for (size_t added = begin; added < all.size(); ++added) all[added].image = static_cast<int32_t>(i);
  }
  const ErrorRates rates(images, all);
  for (LabelError& error : all) {
    const double rate = rates.AsLikely(error.kind, ClassOf(error, images), error.log_odds);
    error.log_odds = std::min(error.log_odds, -std::log(rate));
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const LabelError& one, const LabelError& two) { return one.log_odds > two.log_odds; });
  std::vector<LabelError> likeliest;
  std::set<std::pair<int32_t, int32_t>> seen;  // labels
  for (const LabelError& error : all) {
    if (error.log_odds <= 0) break;
    if (error.label >= 0 && !seen.emplace(error.image, error.label).second) continue;
    likeliest.push_back(error);
  }
  return likeliest;
}

}  // namespace loupe::evaluation
