#include "server/ranking/stop_advice.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_format.h"

namespace loupe::ranking {
namespace {

using evaluation::DetectedBox;

constexpr double kAgreeingScore = 0.5;
constexpr double kAgreeingIou = 0.5;
constexpr size_t kRoundsOfAgreement = 3;
constexpr double kSettledRise = 0.01;
constexpr double kUnsettledFall = 0.05;

using Sides = std::array<std::vector<evaluation::Box>, 2>;

// How many boxes of one image and class match. Of equal overlaps of a box, the one with the earlier box of
// the other side comes first. The rule is the same for both sides, so exchanging them changes nothing.
size_t CountMatches(const Sides& sides) {
  std::vector<std::tuple<double, size_t, size_t>> pairs;  // -IoU, place on each side
  for (size_t i = 0; i < sides[0].size(); ++i) {
    for (size_t j = 0; j < sides[1].size(); ++j) {
      const double iou = evaluation::IntersectionOverUnion(sides[0][i], sides[1][j]);
      if (iou >= kAgreeingIou) pairs.emplace_back(-iou, i, j);
    }
  }
  std::sort(pairs.begin(), pairs.end());
  std::set<size_t> taken_first;
  std::set<size_t> taken_second;
  for (const auto& [overlap, i, j] : pairs) {
    if (taken_first.contains(i) || taken_second.contains(j)) continue;
    taken_first.insert(i);
    taken_second.insert(j);
  }
  return taken_first.size();
}

Reason AgreementReason(std::span<const double> agreements) {
  if (agreements.size() <= kRoundsOfAgreement) {
    return {
        Verdict::kTooEarly,
        absl::StrFormat("Agreement of successive models over %d rounds takes %d comparisons; there are %d.",
                        kRoundsOfAgreement, kRoundsOfAgreement + 1, agreements.size())};
  }
  const double rise = agreements.back() - agreements[agreements.size() - 1 - kRoundsOfAgreement];
  const bool settled = rise < kSettledRise && rise > -kUnsettledFall;
  return {
      settled ? Verdict::kStop : Verdict::kGoOn,
      absl::StrFormat(
          "Agreement of successive models on unlabelled images is %.4f; it %s by %.4f over %d rounds: %s.",
          agreements.back(), rise < 0 ? "fell" : "rose", std::abs(rise), kRoundsOfAgreement,
          settled ? "settled" : "not settled")};
}

Reason GainReason(const std::optional<Band>& gain, double wanted) {
  if (!gain.has_value()) return {Verdict::kTooEarly, "There is no forecast of the next round yet."};
  const bool small = gain->value < wanted;
  return {small ? Verdict::kStop : Verdict::kGoOn,
          absl::StrFormat(
              "The next round is forecast to add %.4f to AP (90 %% band %.4f to %.4f), %s the %.4f wanted.",
              gain->value, gain->low, gain->high, small ? "less than" : "at least", wanted)};
}

Reason ClassesReason(std::vector<ClassBoxes> classes, int64_t wanted) {
  std::ranges::stable_sort(classes, {}, &ClassBoxes::boxes);
  if (classes.empty()) return {Verdict::kTooEarly, "The project has no classes."};
  const auto thin = std::ranges::lower_bound(classes, wanted, {}, &ClassBoxes::boxes) - classes.begin();
  return {thin == 0 ? Verdict::kStop : Verdict::kGoOn,
          absl::StrFormat("Classes with fewer than %d boxes: %d of %d; the fewest boxes, %d, are of %s.",
                          wanted, thin, classes.size(), classes.front().boxes, classes.front().name)};
}

Reason IntervalReason(const std::optional<Band>& ap, double widest) {
  if (!ap.has_value()) return {Verdict::kTooEarly, "Without labels of the holdout, AP50 has no interval."};
  const double width = ap->high - ap->low;
  // Near 0 any interval is narrow: that says nothing of what is still to be gained.
  const double wanted = std::min(widest, ap->value / 2);
  const bool narrow = width <= wanted;
  return {
      narrow ? Verdict::kStop : Verdict::kGoOn,
      absl::StrFormat("AP50 is %.3f, with an interval from %.3f to %.3f: %.4f wide, %s the %.4f wanted%s.",
                      ap->value, ap->low, ap->high, width, narrow ? "within" : "more than", wanted,
                      wanted < widest ? " (half of AP50)" : "")};
}

}  // namespace

double MatchedF1(std::span<const DetectedBox> a, std::span<const DetectedBox> b) {
  std::map<std::pair<int32_t, int32_t>, Sides> groups;
  size_t boxes = 0;
  for (const size_t side : {0, 1}) {
    for (const DetectedBox& box : side == 0 ? a : b) {
      if (!(box.score >= kAgreeingScore)) continue;
      groups[{box.image, box.class_index}][side].push_back(box.box);
      ++boxes;
    }
  }
  size_t matched = 0;
  for (const auto& [image_and_class, sides] : groups) matched += CountMatches(sides);
  return boxes == 0 ? 1 : 2 * static_cast<double>(matched) / static_cast<double>(boxes);
}

std::string_view VerdictName(Verdict verdict) {
  if (verdict == Verdict::kTooEarly) return "too early to say";
  return verdict == Verdict::kStop ? "stop" : "go on";
}

StopAdvice AdviseStop(const StopEvidence& evidence, const StopThresholds& thresholds) {
  StopAdvice advice;
  advice.reasons = {AgreementReason(evidence.agreements), GainReason(evidence.gain, thresholds.gain),
                    ClassesReason(evidence.classes, thresholds.boxes),
                    IntervalReason(evidence.ap, thresholds.interval)};
  for (const Verdict verdict : {Verdict::kStop, Verdict::kTooEarly, Verdict::kGoOn}) {
    if (std::ranges::count(advice.reasons, verdict, &Reason::verdict) > 0) advice.verdict = verdict;
  }
  return advice;
}

}  // namespace loupe::ranking
