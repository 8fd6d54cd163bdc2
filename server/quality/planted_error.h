// Errors that are planted among what a task shows, to see whether its reviewer looks.
//
// A planted task shows an image whose truth is known from somebody else, as if a model had predicted it: the
// true boxes, moved a little, but for one error. So that nothing tells it from an ordinary task, the number
// of its boxes and their scores are those of an ordinary one, the pattern.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "server/quality/answer_matching.h"

namespace loupe::quality {

enum class PlantedKind {
  kShifted,     // a box beside its thing: the IoU is from 0.1 to below 0.5
  kRelabelled,  // a box of another class
  kInvented,    // a box where nothing is
  kDeleted,     // a thing without a box
};

struct PlantedBox {
  AnswerBox box;
  float score = 0;
};

struct PlantedTask {
  std::vector<PlantedBox> boxes;  // by falling score
  PlantedKind kind = PlantedKind::kShifted;
  // What the error is: the box that is shown, or of kDeleted the true one that isn't.
  AnswerBox error;
};

struct PlantingImage {
  Answer truth;
  float width = 0;  // in pixels
  float height = 0;
};

// The number of true boxes that an image must have for this error and a pattern of so many boxes; none: no
// image has one.
std::optional<size_t> TruthCount(PlantedKind kind, size_t pattern_boxes);

// pattern: the scores that an ordinary task showed. labels: classes that a box may have. The same seed gives
// the same task. None: the error has no place in this image (a box that fills it can't be shifted, one class
// can't be another).
// Requires: TruthCount(kind, pattern.size()) true boxes.
std::optional<PlantedTask> PlantError(const PlantingImage& image, std::span<const float> pattern,
                                      std::span<const int32_t> labels, PlantedKind kind, uint64_t seed);

// Whether an answer is without this error.
bool IsCaught(PlantedKind kind, const AnswerBox& error, const Answer& answer);

}  // namespace loupe::quality
