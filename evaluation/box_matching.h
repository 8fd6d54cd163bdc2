// Greedy matching of detected boxes to true boxes, as COCO does it.
//
// Legend: D: detections of one class in one image; G: true boxes of that class in that image.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace loupe::evaluation {

// Upper left corner, width and height, in pixels of the image (COCO's xywh).
struct Box {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;
};

// `image` and `class_index` are 0-based indices. Where scores tie, metrics still equal pycocotools' if the
// indices follow ascending COCO ids and the boxes are in the order of their file.
struct TrueBox {
  int32_t image = 0;
  int32_t class_index = 0;
  Box box;
  double area = 0;     // square pixels, for AreaRange; COCO's `area`, which may differ from width * height
  bool crowd = false;  // a region to ignore: it can't be missed, and detections on it don't count
  // pycocotools stores a match as the annotation's id and reads 0 as "no match". So a box with id 0 takes a
  // detection, which nevertheless counts as wrong. Set this for id 0 to get the same numbers.
  bool id_is_zero = false;
};

struct DetectedBox {
  int32_t image = 0;
  int32_t class_index = 0;
  Box box;
  double score = 0;  // finite
};

// Intersection over union in [0, 1]; for a crowd, intersection over the detection's area. 0 if the boxes
// don't overlap.
double IntersectionOverUnion(const Box& detection, const Box& truth, bool crowd = false);

constexpr int kThresholdCount = 10;

// 0.50, 0.55 … 0.95, bit for bit numpy.linspace(.5, .95, 10).
const std::array<double, kThresholdCount>& IouThresholds();

// Areas in square pixels, both ends included.
struct AreaRange {
  double low = 0;
  double high = 1e10;
};

// The result for one detection. Bit t is that of IouThresholds()[t].
struct MatchBits {
  uint16_t matched = 0;  // matched with a true box
  // Doesn't count: matched with an ignored box, or unmatched and outside the area range.
  uint16_t ignored = 0;
  // Index in `truths` of the box that it matched at IoU 0.5; -1: none.
  int32_t truth = -1;
};

// Matches the detections of one class in one image, at every threshold.
// detections: [D], by falling score, at most 100. truths: [G], in the order of the file. Returns [D].
// A true box is ignored if it is a crowd or its area is outside `range`.
// Source: COCOeval.evaluateImg of pycocotools 2.0.
std::vector<MatchBits> MatchImage(std::span<const DetectedBox> detections, std::span<const TrueBox> truths,
                                  const AreaRange& range);

}  // namespace loupe::evaluation
