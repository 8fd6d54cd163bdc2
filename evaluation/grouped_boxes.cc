#include "evaluation/grouped_boxes.h"

#include <algorithm>
#include <stdexcept>
#include <tuple>

#include "absl/strings/str_cat.h"

namespace loupe::evaluation {
namespace {

// A box out of range would be counted outside the memory for counts.
template <typename Item>
void Check(const GroundTruth& truth, const Item& item) {
  const bool known = item.class_index >= 0 && item.class_index < truth.num_classes && item.image >= 0 &&
                     item.image < truth.image_count;
  if (known) return;
  throw std::out_of_range(absl::StrCat("a box of class ", item.class_index, " of ", truth.num_classes,
                                       " on image ", item.image, " of ", truth.image_count));
}

template <typename Item>
auto Key(const Item& item) {
  return std::make_tuple(item.class_index, item.image);
}

}  // namespace

void CheckIndices(const GroundTruth& truth, std::span<const DetectedBox> detections) {
  for (const TrueBox& box : truth.boxes) Check(truth, box);
  for (const DetectedBox& box : detections) Check(truth, box);
}

GroupedBoxes::GroupedBoxes(const GroundTruth& truth, std::span<const DetectedBox> detections)
    : truths_(truth.boxes), detections_(detections.begin(), detections.end()) {
  CheckIndices(truth, detections);
  std::stable_sort(truths_.begin(), truths_.end(),
                   [](const TrueBox& a, const TrueBox& b) { return Key(a) < Key(b); });
  std::stable_sort(detections_.begin(), detections_.end(), [](const DetectedBox& a, const DetectedBox& b) {
    return std::make_tuple(a.class_index, a.image, -a.score) <
           std::make_tuple(b.class_index, b.image, -b.score);
  });

  class_begin_.assign(static_cast<size_t>(truth.num_classes) + 1, 0);
  size_t t = 0;
  size_t d = 0;
  while (t < truths_.size() || d < detections_.size()) {
    const bool from_truth =
        d == detections_.size() || (t < truths_.size() && Key(truths_[t]) <= Key(detections_[d]));
    const auto key = from_truth ? Key(truths_[t]) : Key(detections_[d]);
    const size_t first_truth = t;
    const size_t first_detection = d;
    while (t < truths_.size() && Key(truths_[t]) == key) ++t;
    while (d < detections_.size() && Key(detections_[d]) == key) ++d;
    ImageGroup group;
    group.image = std::get<1>(key);
    group.truths = std::span(truths_).subspan(first_truth, t - first_truth);
    group.detections =
        std::span(detections_).subspan(first_detection, std::min(d - first_detection, kMaxDetections));
    group.first_detection = first_detection;
    groups_.push_back(group);
    class_begin_[static_cast<size_t>(std::get<0>(key)) + 1] = groups_.size();
  }
  for (size_t c = 1; c < class_begin_.size(); ++c) {
    class_begin_[c] = std::max(class_begin_[c], class_begin_[c - 1]);
  }
}

std::span<const ImageGroup> GroupedBoxes::groups_of(int class_index) const {
  const size_t begin = class_begin_[static_cast<size_t>(class_index)];
  return groups().subspan(begin, class_begin_[static_cast<size_t>(class_index) + 1] - begin);
}

std::vector<RankedDetection> RankDetections(std::span<const ImageGroup> groups) {
  std::vector<RankedDetection> ranked;
  for (const ImageGroup& group : groups) {
    for (size_t i = 0; i < group.detections.size(); ++i) {
      ranked.push_back(
          {group.detections[i].score, group.image, static_cast<uint32_t>(i), group.first_detection + i});
    }
  }
  std::stable_sort(ranked.begin(), ranked.end(),
                   [](const RankedDetection& a, const RankedDetection& b) { return a.score > b.score; });
  return ranked;
}

}  // namespace loupe::evaluation
