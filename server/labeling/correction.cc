#include "server/labeling/correction.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <unordered_map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "proto/error_info.h"
#include "server/labeling/box_rules.h"
#include "server/rpc/names.h"

namespace loupe {
namespace {

constexpr size_t kMaxNote = 2000;
constexpr size_t kMaxClient = 100;
constexpr size_t kMaxFlag = 50;
constexpr int kMaxFlags = 20;

absl::Status BadBox(int index, const std::string& what) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_BOX", absl::StrCat("box ", index, ": ", what));
}

// With as many digits as tell a corner from the limit that it breaks.
std::string CornersText(const v1::Box& box) {
  return absl::StrFormat("%.9g %.9g %.9g %.9g", box.x1(), box.y1(), box.x2(), box.y2());
}

// Clips what reaches beyond the image. Errors: INVALID_ARGUMENT (BAD_BOX).
absl::StatusOr<v1::Box> Inside(int index, const v1::Box& box, const LockedTask& task) {
  const auto width = static_cast<float>(task.width), height = static_cast<float>(task.height);
  const auto refuse = [&](absl::string_view why) {
    return BadBox(index, absl::StrCat("its corners ", CornersText(box), " ", why));
  };
  if (!(box.x1() < box.x2() && box.y1() < box.y2())) {  // NaN fails every comparison
    return refuse("are not x1 y1 x2 y2 with x1 below x2 and y1 below y2");
  }
  const bool near = box.x1() >= -kMaxOverhang && box.y1() >= -kMaxOverhang &&
                    box.x2() <= width + kMaxOverhang && box.y2() <= height + kMaxOverhang;
  const v1::Box clipped = Clipped(box, width, height);
  if (near && clipped.x1() < clipped.x2() && clipped.y1() < clipped.y2()) return clipped;
  return refuse(absl::StrCat("reach beyond the image of ", task.width, " x ", task.height, " pixels"));
}

bool IsClipped(const v1::Box& clipped, const v1::Box& given) {
  return clipped.x1() != given.x1() || clipped.y1() != given.y1() || clipped.x2() != given.x2() ||
         clipped.y2() != given.y2();
}

bool IsKept(const v1::Box& a, const v1::Box& b) {
  return std::abs(a.x1() - b.x1()) <= kKeptTolerance && std::abs(a.y1() - b.y1()) <= kKeptTolerance &&
         std::abs(a.x2() - b.x2()) <= kKeptTolerance && std::abs(a.y2() - b.y2()) <= kKeptTolerance;
}

v1::Origin OriginFrom(const v1::PredictedBox& predicted, const v1::LabelBox& box) {
  if (box.label() != predicted.label()) return v1::RELABELLED;
  return IsKept(box.box(), predicted.box()) ? v1::ACCEPTED : v1::ADJUSTED;
}

// A drawn box that a person changes is still a drawn one, and a copied box a copied one.
v1::Origin OriginFrom(const v1::LabelBox& before, const v1::LabelBox& box) {
  if (before.origin() == v1::DRAWN || before.origin() == v1::COPIED) return before.origin();
  if (box.label() != before.label()) return v1::RELABELLED;
  if (IsKept(box.box(), before.box()) || before.origin() == v1::RELABELLED) return before.origin();
  return v1::ADJUSTED;
}

v1::Outcome OutcomeOf(v1::Origin origin) {
  if (origin == v1::ACCEPTED) return v1::OUTCOME_ACCEPTED;
  return origin == v1::ADJUSTED ? v1::OUTCOME_ADJUSTED : v1::OUTCOME_RELABELLED;
}

class Checker {
 public:
  explicit Checker(const LockedTask& task) : task_(task) {
    for (const v1::PredictedBox& box : task.shown) shown_[box.index()] = &box;
    for (const v1::LabelBox& box : task.corrects) corrects_[box.box_id()] = &box;
  }

  absl::Status Take(const v1::CorrectedBox& given) {
    const int index = static_cast<int>(checked_.correction.boxes.size());
    NewBox added;
    const absl::StatusOr<v1::Box> inside = Inside(index, given.box(), task_);
    if (!inside.ok()) return inside.status();
    if (given.label() < 1 || given.label() > task_.classes) {
      return BadBox(index,
                    absl::StrCat("there is no class ", given.label(), "; classes are 1 to ", task_.classes));
    }
    if (!corrects_.contains(given.box_id()) && IsRetired(given.label())) {
      return BadBox(index, absl::StrCat("class ", given.label(),
                                        " is retired: leave the box out, or give it another class"));
    }
    *added.box.mutable_box() = *inside;
    added.box.set_label(given.label());
    added.box.set_ignore(given.ignore());
    added.box.set_origin(given.copied() ? v1::COPIED : v1::DRAWN);
    if (given.spent_ms() > 0) {
      added.spent_ms =
          static_cast<int>(std::min<uint32_t>(given.spent_ms(), std::numeric_limits<int>::max()));
    }
    if (const absl::Status named = TakeSource(index, given, added); !named.ok()) return named;
    const auto [same, is_new] = places_.emplace(ContentOf(added.box), index);
    if (!is_new) return BadBox(index, absl::StrCat("it is the same as box ", same->second, ": send it once"));
    if (IsClipped(*inside, given.box())) ++checked_.clipped;
    checked_.correction.boxes.push_back(std::move(added));
    return absl::OkStatus();
  }

  // Of the boxes taken so far, those made from shown boxes of these indexes were accepted by one act.
  absl::Status TakeAcceptedAtOnce(const google::protobuf::RepeatedField<uint32_t>& indexes) {
    for (const uint32_t index : indexes) {
      const auto named = outcomes_.find(index);
      if (named == outcomes_.end()) {
        return InvalidArgument(
            absl::StrCat("accepted_at_once names the predicted box ", index, ", which no box names"));
      }
      if (named->second == v1::OUTCOME_ACCEPTED) named->second = v1::OUTCOME_ACCEPTED_AT_ONCE;
    }
    return absl::OkStatus();
  }

  // Shown boxes of these indexes became no box, in this way.
  absl::Status TakeOutcomes(const google::protobuf::RepeatedField<uint32_t>& indexes, v1::Outcome outcome,
                            const char* field) {
    for (const uint32_t index : indexes) {
      if (shown_.contains(index) && outcomes_.emplace(index, outcome).second) continue;
      return InvalidArgument(absl::StrCat(field, " names the predicted box ", index,
                                          ", which was not shown, or which something else names, too"));
    }
    return absl::OkStatus();
  }

  CheckedCorrection Finish() {
    for (const v1::PredictedBox& box : task_.shown) {
      const auto found = outcomes_.find(box.index());
      checked_.correction.outcomes.push_back(found == outcomes_.end() ? v1::OUTCOME_DROPPED : found->second);
    }
    return std::move(checked_);
  }

 private:
  bool IsRetired(uint32_t label) const {
    return std::find(task_.retired.begin(), task_.retired.end(), label) != task_.retired.end();
  }

  // What the box was made from.
  absl::Status TakeSource(int index, const v1::CorrectedBox& given, NewBox& added) {
    if (given.has_predicted_index() && given.box_id() != 0) {
      return BadBox(index, "it gives predicted_index and box_id: a box was made from one of them");
    }
    if (given.copied() && (given.has_predicted_index() || given.box_id() != 0)) {
      return BadBox(index, "it is copied and gives predicted_index or box_id: it was made in one way");
    }
    if (given.copied() && task_.blind) {
      return BadBox(index, "it is copied, and the task is blind: draw its boxes");
    }
    if (given.has_predicted_index()) {
      const auto named = shown_.find(given.predicted_index());
      const bool first =
          named != shown_.end() && outcomes_.emplace(given.predicted_index(), v1::OUTCOME_UNSPECIFIED).second;
      if (!first) {
        return BadBox(index, absl::StrCat("no predicted box ", given.predicted_index(),
                                          " was shown, or another box names it, too"));
      }
      added.shown_ordinal = static_cast<int>(given.predicted_index());
      added.box.set_origin(OriginFrom(*named->second, added.box));
      outcomes_[given.predicted_index()] = OutcomeOf(added.box.origin());
    }
    if (given.box_id() != 0) {
      const auto named = corrects_.find(given.box_id());
      if (named == corrects_.end()) {
        return BadBox(index, absl::StrCat("the task has no box with the box_id ", given.box_id(),
                                          ", or another box names it, too"));
      }
      added.box.set_box_id(given.box_id());
      added.box.set_origin(OriginFrom(*named->second, added.box));
      corrects_.erase(named);
    }
    return absl::OkStatus();
  }

  const LockedTask& task_;
  std::unordered_map<uint32_t, const v1::PredictedBox*> shown_;
  std::unordered_map<int64_t, const v1::LabelBox*> corrects_;  // that no box has named so far
  std::unordered_map<uint32_t, v1::Outcome> outcomes_;         // by index of the shown box
  std::map<BoxContent, int> places_;
  CheckedCorrection checked_;
};

absl::Status CheckTexts(const v1::SubmitRequest& request) {
  if (CharacterCount(request.note()) > kMaxNote) {
    return InvalidArgument(absl::StrCat("note has more than ", kMaxNote, " characters"));
  }
  if (CharacterCount(request.client()) > kMaxClient) {
    return InvalidArgument(absl::StrCat("client has more than ", kMaxClient, " characters"));
  }
  const bool fits = std::all_of(request.flags().begin(), request.flags().end(), [](const std::string& flag) {
    return !flag.empty() && CharacterCount(flag) <= kMaxFlag;
  });
  if (fits && request.flags_size() <= kMaxFlags) return absl::OkStatus();
  return InvalidArgument(
      absl::StrCat("flags are at most ", kMaxFlags, " texts of 1 to ", kMaxFlag, " characters"));
}

}  // namespace

absl::StatusOr<CheckedCorrection> CheckCorrection(const v1::SubmitRequest& request, const LockedTask& task) {
  if (absl::Status texts = CheckTexts(request); !texts.ok()) return texts;
  Checker checker(task);
  for (const v1::CorrectedBox& box : request.boxes()) {
    if (absl::Status taken = checker.Take(box); !taken.ok()) return taken;
  }
  absl::Status taken = checker.TakeAcceptedAtOnce(request.accepted_at_once());
  if (taken.ok()) taken = checker.TakeOutcomes(request.rejected(), v1::OUTCOME_REJECTED, "rejected");
  if (taken.ok()) taken = checker.TakeOutcomes(request.hidden(), v1::OUTCOME_HIDDEN, "hidden");
  if (!taken.ok()) return taken;
  CheckedCorrection checked = checker.Finish();
  NewCorrection& correction = checked.correction;
  correction.spent_ms = std::min<uint32_t>(request.spent_ms(), std::numeric_limits<int32_t>::max());
  correction.client = request.client();
  correction.note = request.note();
  correction.flags.assign(request.flags().begin(), request.flags().end());
  return checked;
}

}  // namespace loupe
