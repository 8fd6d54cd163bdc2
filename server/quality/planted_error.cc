#include "server/quality/planted_error.h"

#include <algorithm>
#include <cmath>
#include <compare>
#include <functional>
#include <iterator>
#include <numbers>
#include <utility>

#include "evaluation/seeded_random.h"

namespace loupe::quality {
namespace {

using evaluation::SeededRandom;

constexpr std::pair<PlantedKind, const char*> kNames[] = {{PlantedKind::kShifted, "shifted"},
                                                          {PlantedKind::kRelabelled, "relabelled"},
                                                          {PlantedKind::kInvented, "invented"},
                                                          {PlantedKind::kDeleted, "deleted"}};

constexpr int kTries = 200;
constexpr double kBesideIt = 0.1;
// Of a model's boxes: how far a side is off, as a share of the box's own.
constexpr double kSideDeviation = 0.04;
// Boxes of one class are of like things if their sides' ratios, as logarithms, add up to less.
constexpr double kUnlike = 0.7;
// A copy of a pattern could be found by whoever sees both: how far scores are off, and boxes that have no
// thing, as a share of the picture.
constexpr double kScoreDeviation = 0.08;
constexpr double kPlaceDeviation = 0.1;
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

// As large a part of the image as it is of the pattern's picture.
AnswerBox ScaledTo(AnswerBox box, const Pattern& pattern, const PlantingImage& image) {
  for (size_t i = 0; i < 4; ++i)
    box.corners[i] *= i % 2 == 0 ? image.width / pattern.width : image.height / pattern.height;
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

// As large as `like`, where nothing is.
std::optional<AnswerBox> Invented(const AnswerBox& like, const PlantingImage& image, SeededRandom& random) {
  const double width = Width(like), height = Height(like);
  for (int i = 0; i < kTries; ++i) {
    AnswerBox box = like;
    box.corners = {0, 0, static_cast<float>(width), static_cast<float>(height)};
    box = Moved(box, random.Uniform() * (image.width - width), random.Uniform() * (image.height - height));
    if (LargestIou(box, image.truth) < kBesideIt) return box;
  }
  return std::nullopt;
}

// Of each of the pattern's boxes the place of the box that it is a second one for; its own, where it is the
// first of its thing.
std::vector<size_t> FirstBoxes(const Pattern& pattern) {
  std::vector<size_t> firsts;
  for (size_t i = 0; i < pattern.boxes.size(); ++i) {
    size_t first = i;
    double largest = kBesideIt;
    for (size_t j = 0; j < i; ++j) {
      const double iou = Iou(pattern.boxes[i].box, pattern.boxes[j].box);
      if (firsts[j] != j || iou < largest) continue;
      largest = iou;
      first = j;
    }
    firsts.push_back(first);
  }
  return firsts;
}

// How different the sides of a shown and a true box are, as parts of their pictures.
double Unlikeness(const AnswerBox& shown, const Pattern& pattern, const AnswerBox& truth,
                  const PlantingImage& image) {
  return std::abs(std::log(Width(shown) / pattern.width / (Width(truth) / image.width))) +
         std::abs(std::log(Height(shown) / pattern.height / (Height(truth) / image.height)));
}

// Which true box stands for which of the pattern's things.
struct Assignment {
  std::vector<int32_t> truth_of;  // [P] of the first box of a thing; kNoBox: none does, or a second box
  std::vector<size_t> left;       // true boxes that stand for none
  double unlikeness = 0;
};

// A first box of the pattern and a true one of about its size.
struct LikePair {
  double unlikeness = 0;
  size_t place = 0;  // of the pattern's box
  size_t truth = 0;

  auto operator<=>(const LikePair&) const = default;
};

// Of one class, or of different ones. In order of place, then of truth.
std::vector<LikePair> LikePairs(const Pattern& pattern, const std::vector<size_t>& firsts,
                                const PlantingImage& image, bool of_one_class) {
  std::vector<LikePair> pairs;
  for (size_t i = 0; i < firsts.size(); ++i) {
    if (firsts[i] != i) continue;
    const AnswerBox& box = pattern.boxes[i].box;
    for (size_t j = 0; j < image.truth.size(); ++j) {
      const double unlikeness = Unlikeness(box, pattern, image.truth[j], image);
      const bool is_one_class = box.label == image.truth[j].label;
      if (unlikeness < kUnlike && is_one_class == of_one_class) pairs.push_back({unlikeness, i, j});
    }
  }
  return pairs;
}

// The most alike first. A sure box without a thing counts more than an unsure one.
Assignment Assign(const Pattern& pattern, const std::vector<size_t>& firsts, const PlantingImage& image) {
  std::vector<LikePair> pairs = LikePairs(pattern, firsts, image, /*of_one_class=*/true);
  std::sort(pairs.begin(), pairs.end());
  Assignment assignment;
  assignment.truth_of.assign(firsts.size(), kNoBox);
  std::vector<bool> is_taken(image.truth.size(), false);
  for (const auto& [unlikeness, i, j] : pairs) {
    if (assignment.truth_of[i] != kNoBox || is_taken[j]) continue;
    assignment.truth_of[i] = static_cast<int32_t>(j);
    is_taken[j] = true;
    assignment.unlikeness += unlikeness;
  }
  for (size_t i = 0; i < firsts.size(); ++i) {
    if (firsts[i] == i && assignment.truth_of[i] == kNoBox)
      assignment.unlikeness += kUnlike * (1 + pattern.boxes[i].score);
  }
  for (size_t j = 0; j < is_taken.size(); ++j) {
    if (is_taken[j]) continue;
    assignment.left.push_back(j);
    assignment.unlikeness += kUnlike;
  }
  return assignment;
}

// About as large as the pattern's box, and about there.
AnswerBox Near(const AnswerBox& box, const Pattern& pattern, const PlantingImage& image,
               SeededRandom& random) {
  const AnswerBox near = AsPredicted(Clipped(ScaledTo(box, pattern, image), image), image, random);
  const auto moved = [&](float low, float high, float length) {
    return std::clamp(Normal(random) * kPlaceDeviation * length, -double{low}, double{length} - high);
  };
  const double x = moved(near.corners[0], near.corners[2], image.width);
  const double y = moved(near.corners[1], near.corners[3], image.height);
  return Moved(near, x, y);
}

// The pattern's first boxes, as a model would see them in the image.
Answer Shown(const Pattern& pattern, const std::vector<size_t>& firsts, const Assignment& assignment,
             const PlantingImage& image, SeededRandom& random) {
  Answer shown;
  for (size_t i = 0; i < firsts.size(); ++i) {
    const int32_t truth = assignment.truth_of[i];
    shown.push_back(truth == kNoBox ? Near(pattern.boxes[i].box, pattern, image, random)
                                    : AsPredicted(image.truth[static_cast<size_t>(truth)], image, random));
  }
  return shown;
}

// Scores near the pattern's, falling as well.
std::vector<float> ScoresNear(const Pattern& pattern, SeededRandom& random) {
  std::vector<float> scores;
  for (const ShownBox& box : pattern.boxes) {
    double score = box.score + Normal(random) * kScoreDeviation;
    if (score < pattern.least_score) score = 2 * pattern.least_score - score;
    if (score > 1) score = 2 - score;
    scores.push_back(std::clamp(static_cast<float>(score), pattern.least_score, 1.0F));
  }
  std::sort(scores.begin(), scores.end(), std::greater<>());
  return scores;
}

// A thing that is left, of another class, in place of a box of its size. It keeps the box's class.
std::optional<AnswerBox> Relabelled(const Pattern& pattern, const std::vector<size_t>& firsts,
                                    const Assignment& assignment, const PlantingImage& image, Answer& shown,
                                    SeededRandom& random) {
  std::vector<LikePair> pairs = LikePairs(pattern, firsts, image, /*of_one_class=*/false);
  std::erase_if(pairs, [&](const LikePair& pair) {
    return std::find(assignment.left.begin(), assignment.left.end(), pair.truth) == assignment.left.end();
  });
  if (pairs.empty()) return std::nullopt;
  const auto& [unlikeness, place, truth] = pairs[random.Below(pairs.size())];
  shown[place] = AsPredicted(image.truth[truth], image, random);
  shown[place].label = pattern.boxes[place].box.label;
  return shown[place];
}

// Makes the error among what is shown, and returns it. firsts, shown: [P].
std::optional<AnswerBox> MakeError(PlantedKind kind, const Pattern& pattern,
                                   const std::vector<size_t>& firsts, const Assignment& assignment,
                                   const PlantingImage& image, Answer& shown, SeededRandom& random) {
  if (kind == PlantedKind::kRelabelled) return Relabelled(pattern, firsts, assignment, image, shown, random);
  std::vector<size_t> right, wrong, missing;  // places of shown boxes; of true ones
  for (size_t i = 0; i < firsts.size(); ++i) {
    if (firsts[i] != i) continue;
    if (assignment.truth_of[i] != kNoBox) right.push_back(i);
    if (LargestIou(shown[i], image.truth) < kBesideIt) wrong.push_back(i);
  }
  for (const size_t j : assignment.left) {
    if (LargestIou(image.truth[j], shown) < kBesideIt) missing.push_back(j);
  }
  const auto any = [&](const std::vector<size_t>& places) { return places[random.Below(places.size())]; };
  if (kind == PlantedKind::kDeleted) {
    return missing.empty() ? std::nullopt : std::optional(image.truth[any(missing)]);
  }
  if (kind == PlantedKind::kInvented && !wrong.empty()) return shown[any(wrong)];
  if (right.empty()) return std::nullopt;
  AnswerBox& changed = shown[any(right)];
  const std::optional<AnswerBox> error =
      kind == PlantedKind::kInvented ? Invented(changed, image, random) : Shifted(changed, image, random);
  if (error.has_value()) changed = *error;
  return error;
}

}  // namespace

std::array<float, 4> LyingAlike(std::span<const float, 4> box, std::span<const float, 4> first,
                                std::span<const float, 4> other) {
  std::array<float, 4> alike{};
  for (size_t side = 0; side < alike.size(); ++side) {
    const size_t axis = side % 2;
    const float scale = (other[axis + 2] - other[axis]) / (first[axis + 2] - first[axis]);
    alike[side] = other[axis] + (box[side] - first[axis]) * scale;
  }
  return alike;
}

const char* PlantedKindName(PlantedKind kind) {
  return std::find_if(std::begin(kNames), std::end(kNames),
                      [&](const auto& one) { return one.first == kind; })
      ->second;
}

PlantedKind PlantedKindOf(std::string_view name) {
  return std::find_if(std::begin(kNames), std::end(kNames),
                      [&](const auto& one) { return name == one.second; })
      ->first;
}

std::optional<PlantedTask> PlantError(std::span<const PlantingImage> images, const Pattern& pattern,
                                      PlantedKind kind, uint64_t seed) {
  const std::vector<size_t> firsts = FirstBoxes(pattern);
  std::vector<std::pair<double, size_t>> by_unlikeness;
  std::vector<Assignment> assignments;
  for (size_t i = 0; i < images.size(); ++i) {
    assignments.push_back(Assign(pattern, firsts, images[i]));
    by_unlikeness.emplace_back(assignments.back().unlikeness, i);
  }
  std::sort(by_unlikeness.begin(), by_unlikeness.end());
  SeededRandom random(seed);
  for (const auto& [unlikeness, i] : by_unlikeness) {
    const PlantingImage& image = images[i];
    Answer shown = Shown(pattern, firsts, assignments[i], image, random);
    const auto error = MakeError(kind, pattern, firsts, assignments[i], image, shown, random);
    if (!error.has_value()) continue;
    PlantedTask task{i, {}, kind, *error};
    const std::vector<float> scores = ScoresNear(pattern, random);
    for (size_t k = 0; k < firsts.size(); ++k) {
      const AnswerBox& first = pattern.boxes[firsts[k]].box;
      AnswerBox box = shown[firsts[k]];
      if (firsts[k] != k) {
        const AnswerBox& second = pattern.boxes[k].box;
        box.corners = LyingAlike(second.corners, first.corners, box.corners);
        if (second.label != first.label) box.label = second.label;
        box = Clipped(box, image);
      }
      task.boxes.push_back({box, scores[k]});
    }
    const bool all_lie_inside = std::all_of(task.boxes.begin(), task.boxes.end(), [](const ShownBox& one) {
      return Width(one.box) >= kLeastSide && Height(one.box) >= kLeastSide;
    });
    if (all_lie_inside) return task;
  }
  return std::nullopt;
}

bool IsCaught(PlantedKind kind, const AnswerBox& error, const Answer& answer) {
  const bool has_it = std::any_of(answer.begin(), answer.end(), [&](const AnswerBox& box) {
    const bool same_label = kind != PlantedKind::kRelabelled || box.label == error.label;
    return same_label && Iou(box, error) >= kSameThing;
  });
  return has_it == (kind == PlantedKind::kDeleted);
}

}  // namespace loupe::quality
