// Errors that are planted among what a task shows, to see whether its reviewer looks.
//
// A planted task shows an image whose truth is known from somebody else, as if a model had predicted it. So
// that nothing tells it from an ordinary task, it imitates one, the pattern, box by box: the same classes,
// about the same sizes and scores. Where the image has a thing of that class and size, its true box is shown,
// moved a little. Elsewhere a box is shown about where the pattern has it, which is then wrong, as a model's
// boxes are now and then. One of the errors is the planted one.
//
// Legend: P: boxes of the pattern, and of the planted task.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "server/quality/answer_matching.h"

namespace loupe::quality {

enum class PlantedKind {
  kShifted,     // a box beside its thing: the IoU is from 0.1 to below 0.5
  kRelabelled,  // a box of another class
  kInvented,    // a box where nothing is
  kDeleted,     // a thing without a box
};

// As the schema spells them.
const char* PlantedKindName(PlantedKind kind);
PlantedKind PlantedKindOf(std::string_view name);

struct ShownBox {
  AnswerBox box;
  float score = 0;
};

// What an ordinary task shows.
struct Pattern {
  std::vector<ShownBox> boxes;  // [P] by falling score
  float least_score = 0;        // boxes of lower scores aren't shown
  float width = 0;              // of the picture, in pixels
  float height = 0;
};

struct PlantedTask {
  size_t image = 0;             // its place among those to choose from
  std::vector<ShownBox> boxes;  // [P] each in place of the pattern's, by falling score
  PlantedKind kind = PlantedKind::kShifted;
  // What the error is: the box that is shown, or of kDeleted the true one that isn't.
  AnswerBox error;
};

struct PlantingImage {
  Answer truth;
  float width = 0;  // in pixels
  float height = 0;
};

// The corners that lie to those of `other` as those of `box` do to those of `first`.
std::array<float, 4> LyingAlike(std::span<const float, 4> box, std::span<const float, 4> first,
                                std::span<const float, 4> other);

// Plants an error in the image that is most like the pattern. The same seed gives the same task. None: no
// image has a place for the error.
std::optional<PlantedTask> PlantError(std::span<const PlantingImage> images, const Pattern& pattern,
                                      PlantedKind kind, uint64_t seed);

// Whether an answer is without this error.
bool IsCaught(PlantedKind kind, const AnswerBox& error, const Answer& answer);

}  // namespace loupe::quality
