// True boxes and detections, grouped by class and image.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "evaluation/coco_metrics.h"

namespace loupe::evaluation {

// COCO looks at the best hundred detections per image and class.
constexpr size_t kMaxDetections = 100;

// The boxes of one class in one image.
struct ImageGroup {
  int32_t image = 0;
  std::span<const DetectedBox>
      detections;                   // by falling score, ties in the order given; at most kMaxDetections
  std::span<const TrueBox> truths;  // in the order given
  size_t first_detection = 0;       // index of detections[0] in GroupedBoxes::detections()
};

// Throws std::out_of_range unless image indices are below image_count and class indices below num_classes.
void CheckIndices(const GroundTruth& truth, std::span<const DetectedBox> detections);

// Holds a sorted copy of the boxes. Groups point into it, so it can be moved but not copied.
class GroupedBoxes {
 public:
  GroupedBoxes(const GroundTruth& truth, std::span<const DetectedBox> detections);
  GroupedBoxes(const GroupedBoxes&) = delete;
  GroupedBoxes& operator=(const GroupedBoxes&) = delete;
  GroupedBoxes(GroupedBoxes&&) = default;
  GroupedBoxes& operator=(GroupedBoxes&&) = default;

  int num_classes() const { return static_cast<int>(class_begin_.size()) - 1; }
  std::span<const ImageGroup> groups() const { return groups_; }  // by class, then image
  std::span<const ImageGroup> groups_of(int class_index) const;
  std::span<const DetectedBox> detections() const { return detections_; }

 private:
  std::vector<TrueBox> truths_;
  std::vector<DetectedBox> detections_;
  std::vector<ImageGroup> groups_;
  std::vector<size_t> class_begin_;  // [classes + 1] where each class begins in groups_
};

// One class's detections in the order of its precision-recall curve: by falling score, ties by image, then
// position.
struct RankedDetection {
  double score = 0;
  int32_t image = 0;
  uint32_t position = 0;  // 0-based, by falling score, within its image and class
  size_t place = 0;       // index in GroupedBoxes::detections()
};
std::vector<RankedDetection> RankDetections(std::span<const ImageGroup> groups);

}  // namespace loupe::evaluation
