// Truths and detections, brought together by category and image.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "evaluation/coco_metrics.h"

namespace loupe::evaluation {

// COCO looks at the best hundred detections of an image and category.
constexpr size_t kMaxDetections = 100;

// What there is of one category on one image.
struct ImageGroup {
  int32_t image = 0;
  std::span<const DetectedBox> detections;  // by falling score, equal ones as given; at most kMaxDetections
  std::span<const TrueBox> truths;          // as given
  size_t first_detection = 0;               // place of detections[0] in GroupedBoxes::detections()
};

// Keeps its own sorted copy of the boxes; groups point into it, so it can be moved but not copied.
class GroupedBoxes {
 public:
  GroupedBoxes(const GroundTruth& truth, std::span<const DetectedBox> detections);
  GroupedBoxes(const GroupedBoxes&) = delete;
  GroupedBoxes& operator=(const GroupedBoxes&) = delete;
  GroupedBoxes(GroupedBoxes&&) = default;
  GroupedBoxes& operator=(GroupedBoxes&&) = default;

  int num_classes() const { return static_cast<int>(category_begin_.size()) - 1; }
  std::span<const ImageGroup> groups() const { return groups_; }  // by category, then image
  std::span<const ImageGroup> groups_of(int category) const;
  std::span<const DetectedBox> detections() const { return detections_; }

 private:
  std::vector<TrueBox> truths_;
  std::vector<DetectedBox> detections_;
  std::vector<ImageGroup> groups_;
  std::vector<size_t> category_begin_;  // [categories + 1] into groups_
};

// Detections of one category in the order in which a precision-recall curve takes them: by falling score,
// equal ones by image and rank.
struct RankedDetection {
  double score = 0;
  int32_t image = 0;
  uint32_t rank = 0;  // 0-based, among the detections of its image and category
  size_t place = 0;   // in GroupedBoxes::detections()
};
std::vector<RankedDetection> RankDetections(std::span<const ImageGroup> groups);

}  // namespace loupe::evaluation
