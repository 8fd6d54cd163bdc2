// Which boxes of several people's answers to an image mean the same thing.
//
// Legend: A: answers; T: things that at least one of them has a box for.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "loupe/v1/annotation.pb.h"

namespace loupe::quality {

struct AnswerBox {
  std::array<float, 4> corners{};  // x1, y1, x2, y2 in pixels
  int32_t label = 0;               // from 1
};
using Answer = std::vector<AnswerBox>;

// The place of each answer's box for a thing, from 0; kNoBox where the answer has none. [A]
using Thing = std::vector<int32_t>;
inline constexpr int32_t kNoBox = -1;

// Boxes with this IoU or more are of the same thing.
inline constexpr double kSameThing = 0.5;

// The same boxes, without regions to ignore.
Answer AnswerOf(std::span<const v1::LabelBox> boxes);

// Intersection over union in [0, 1]; 0 for boxes without area.
double Iou(const AnswerBox& first, const AnswerBox& second);

// Joins boxes of different answers that are of the same thing, whatever their labels, the closest first. A
// thing has at most one box of each answer; every box belongs to one thing. answers: [A]. Returns [T], in the
// order of the first answer's boxes, then of the second's that are left, and so on.
std::vector<Thing> MatchAnswers(std::span<const Answer> answers);

}  // namespace loupe::quality
