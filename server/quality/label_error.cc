#include "server/quality/label_error.h"

#include <algorithm>

#include "server/quality/answer_matching.h"

namespace loupe::quality {
namespace {

AnswerBox BoxOf(const v1::Box& box, uint32_t label) {
  return {{box.x1(), box.y1(), box.x2(), box.y2()}, static_cast<int32_t>(label)};
}

const v1::LabelBox* Find(std::span<const v1::LabelBox> boxes, int64_t id) {
  const auto found =
      std::find_if(boxes.begin(), boxes.end(), [&](const v1::LabelBox& box) { return box.box_id() == id; });
  return found == boxes.end() ? nullptr : &*found;
}

bool IsSame(const v1::LabelBox& one, const v1::LabelBox& other) {
  return one.label() == other.label() && one.ignore() == other.ignore() &&
         BoxOf(one.box(), 0).corners == BoxOf(other.box(), 0).corners;
}

}  // namespace

bool IsMended(const v1::LabelError& error, std::span<const v1::LabelBox> before,
              std::span<const v1::LabelBox> after) {
  if (error.box_id() != 0) {
    const v1::LabelBox* was = Find(before, error.box_id());
    const v1::LabelBox* now = Find(after, error.box_id());
    return was == nullptr || now == nullptr || !IsSame(*was, *now);
  }
  const AnswerBox proposed = BoxOf(error.box(), error.label());
  return std::any_of(after.begin(), after.end(), [&](const v1::LabelBox& box) {
    return !box.ignore() && box.label() == error.label() &&
           Iou(BoxOf(box.box(), box.label()), proposed) >= kSameThing;
  });
}

}  // namespace loupe::quality
