#include "server/labeling/correction.h"

#include <cmath>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "db/error.h"

namespace loupe {
namespace {

absl::Status BadBox(int index, const std::string& what) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_BOX", absl::StrCat("box ", index, ": ", what));
}

absl::Status CheckBox(int index, const v1::CorrectedBox& corrected, const CorrectionBounds& bounds) {
  const v1::Box& box = corrected.box();
  // Also false when a corner is NaN.
  const bool ordered = box.x1() >= 0 && box.x1() < box.x2() && box.y1() >= 0 && box.y1() < box.y2();
  if (!ordered || !(box.x2() <= static_cast<float>(bounds.width)) ||
      !(box.y2() <= static_cast<float>(bounds.height))) {
    return BadBox(index, absl::StrCat("its corners ", box.x1(), " ", box.y1(), " ", box.x2(), " ", box.y2(),
                                      " must be in order and inside the image of ", bounds.width, " x ",
                                      bounds.height, " pixels"));
  }
  if (corrected.label() >= 1 && corrected.label() <= bounds.classes) return absl::OkStatus();
  return BadBox(index,
                absl::StrCat("there is no class ", corrected.label(), "; classes are 1 to ", bounds.classes));
}

bool IsKept(const v1::Box& a, const v1::Box& b) {
  return std::abs(a.x1() - b.x1()) <= kKeptTolerance && std::abs(a.y1() - b.y1()) <= kKeptTolerance &&
         std::abs(a.x2() - b.x2()) <= kKeptTolerance && std::abs(a.y2() - b.y2()) <= kKeptTolerance;
}

v1::Origin OriginOf(const v1::CorrectedBox& corrected, const v1::PredictedBox& predicted) {
  if (corrected.label() != predicted.label()) return v1::RELABELLED;
  return IsKept(corrected.box(), predicted.box()) ? v1::ACCEPTED : v1::ADJUSTED;
}

void Count(v1::Origin origin, CheckedCorrection& correction) {
  if (origin == v1::ACCEPTED) ++correction.accepted;
  if (origin == v1::ADJUSTED) ++correction.adjusted;
  if (origin == v1::RELABELLED) ++correction.relabelled;
  if (origin == v1::DRAWN) ++correction.drawn;
}

}  // namespace

absl::StatusOr<CheckedCorrection> CheckCorrection(
    const google::protobuf::RepeatedPtrField<v1::CorrectedBox>& boxes,
    const std::vector<v1::PredictedBox>& shown, const CorrectionBounds& bounds) {
  std::unordered_map<uint32_t, const v1::PredictedBox*> unnamed;  // shown boxes that no box has named so far
  for (const v1::PredictedBox& predicted : shown) unnamed[predicted.index()] = &predicted;
  CheckedCorrection correction;
  for (int i = 0; i < boxes.size(); ++i) {
    const v1::CorrectedBox& corrected = boxes[i];
    if (const absl::Status checked = CheckBox(i, corrected, bounds); !checked.ok()) return checked;
    NewBox& box = correction.boxes.emplace_back();
    *box.box.mutable_box() = corrected.box();
    box.box.set_label(corrected.label());
    box.box.set_ignore(corrected.ignore());
    box.box.set_origin(v1::DRAWN);
    if (corrected.has_predicted_index()) {
      const auto named = unnamed.find(corrected.predicted_index());
      if (named == unnamed.end()) {
        return BadBox(i, absl::StrCat("no predicted box ", corrected.predicted_index(),
                                      " was shown, or another box names it, too"));
      }
      box.predicted_index = static_cast<int>(corrected.predicted_index());
      box.box.set_origin(OriginOf(corrected, *named->second));
      unnamed.erase(named);
    }
    Count(box.box.origin(), correction);
  }
  for (const v1::PredictedBox& predicted : shown) {
    if (unnamed.contains(predicted.index())) correction.rejections.push_back(predicted);
  }
  return correction;
}

}  // namespace loupe
