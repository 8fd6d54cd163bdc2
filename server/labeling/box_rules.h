// Rules for boxes that come from people, whether by a correction or by an import.
#pragma once

#include <algorithm>
#include <cstdint>
#include <tuple>

#include "loupe/v1/annotation.pb.h"

namespace loupe {

// A box that reaches beyond the image by at most this is clipped, in pixels.
constexpr float kMaxOverhang = 1;

// The box without what lies outside an image of this size, in pixels. Requires: no corner is NaN.
inline v1::Box Clipped(const v1::Box& box, float width, float height) {
  v1::Box clipped;
  clipped.set_x1(std::clamp(box.x1(), 0.0F, width));
  clipped.set_y1(std::clamp(box.y1(), 0.0F, height));
  clipped.set_x2(std::clamp(box.x2(), 0.0F, width));
  clipped.set_y2(std::clamp(box.y2(), 0.0F, height));
  return clipped;
}

// label, ignore, corners.
using BoxContent = std::tuple<uint32_t, bool, float, float, float, float>;

// Equal for boxes that say the same. It orders boxes, too.
inline BoxContent ContentOf(const v1::LabelBox& box) {
  return {box.label(), box.ignore(), box.box().x1(), box.box().y1(), box.box().x2(), box.box().y2()};
}

}  // namespace loupe
