#include "server/images/import_labels.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/class_index.h"
#include "server/labeling/box_rules.h"

namespace loupe {
namespace {

bool IsFinite(const v1::Box& box) {
  return std::isfinite(box.x1()) && std::isfinite(box.y1()) && std::isfinite(box.x2()) &&
         std::isfinite(box.y2());
}

// How far the box reaches beyond the picture, in pixels; 0 when it is inside.
float Overhang(const v1::Box& box, float width, float height) {
  return std::max({-box.x1(), -box.y1(), box.x2() - width, box.y2() - height, 0.0F});
}

// Empty when the box can be imported. `clipped`: the box after clipping.
std::string ProblemWith(const v1::ImportedBox& given, const v1::Box& clipped, float width, float height,
                        const Classes& classes) {
  if (given.label() < 1 || given.label() > static_cast<uint32_t>(classes.size())) {
    return absl::StrCat("has the class ", given.label(), "; classes are 1 to ", classes.size());
  }
  if (const v1::Class& one = classes[static_cast<int>(ClassIndexOf(given.label()))]; one.retired()) {
    return absl::StrCat("has the class ", one.name(), ", which is retired");
  }
  const v1::Box& box = given.box();
  if (!IsFinite(box)) return "has a corner that is no number";
  if (box.x1() >= box.x2() || box.y1() >= box.y2()) return "has no width or no height";
  if (const float overhang = Overhang(box, width, height); overhang > kMaxOverhang) {
    return absl::StrCat("reaches ", overhang, " pixels beyond the picture of ", width, " x ", height);
  }
  if (clipped.x1() >= clipped.x2() || clipped.y1() >= clipped.y2()) return "lies outside the picture";
  return "";
}

std::vector<BoxContent> Sorted(const std::vector<v1::LabelBox>& boxes) {
  std::vector<BoxContent> contents;
  contents.reserve(boxes.size());
  for (const v1::LabelBox& box : boxes) contents.push_back(ContentOf(box));
  std::sort(contents.begin(), contents.end());
  return contents;
}

}  // namespace

CheckedLabels CheckImportedLabels(const v1::ImportedLabels& labels, uint32_t width, uint32_t height,
                                  const Classes& classes, size_t max_problems) {
  const auto w = static_cast<float>(width);
  const auto h = static_cast<float>(height);
  CheckedLabels checked;
  std::set<BoxContent> seen;
  for (const v1::ImportedBox& given : labels.boxes()) {
    const v1::Box clipped = IsFinite(given.box()) ? Clipped(given.box(), w, h) : v1::Box();
    if (const std::string problem = ProblemWith(given, clipped, w, h, classes); !problem.empty()) {
      checked.problems.push_back(absl::StrCat("annotation ", given.source_id(), " ", problem));
      if (checked.problems.size() == max_problems) return checked;
      continue;
    }
    NewBox added;
    *added.box.mutable_box() = clipped;
    added.box.set_label(given.label());
    added.box.set_ignore(given.ignore());
    added.box.set_origin(v1::IMPORTED);
    if (!seen.insert(ContentOf(added.box)).second) {
      ++checked.repeated;
      continue;
    }
    if (Overhang(given.box(), w, h) > 0) ++checked.clipped;
    checked.boxes.push_back(std::move(added));
  }
  return checked;
}

bool SameTruth(const std::vector<v1::LabelBox>& a, const std::vector<v1::LabelBox>& b) {
  return Sorted(a) == Sorted(b);
}

}  // namespace loupe
