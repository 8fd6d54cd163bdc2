// Greedy matching of detected boxes to true boxes, as COCO does it.
//
// Legend: D: detections of one image and category; G: true boxes of the same; T: IoU thresholds.
// Boxes are x, y of the upper left corner, width and height, in pixels of the image (COCO's order).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace loupe::evaluation {

struct Box {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;
};

// Images and categories are indices, 0-based and dense. Numbers equal pycocotools' also where scores tie when
// the indices follow ascending ids and boxes keep the order of their file.
struct TrueBox {
  int32_t image = 0;
  int32_t class_index = 0;
  Box box;
  double area = 0;     // for the area ranges; COCO's `area`, which may differ from width * height
  bool crowd = false;  // a region to ignore: never missed, and detections on it are not counted
  // pycocotools notes a match by the annotation's id and reads 0 as "no match": a box with id 0 takes its
  // detection, which then still counts as wrong. Set for id 0 to get the same numbers.
  bool id_is_zero = false;
};

struct DetectedBox {
  int32_t image = 0;
  int32_t class_index = 0;
  Box box;
  double score = 0;  // finite
};

// Intersection over union in [0, 1]; for a crowd, intersection over the detection's own area. 0 where the
// boxes don't overlap.
double IntersectionOverUnion(const Box& detection, const Box& truth, bool crowd = false);

constexpr int kThresholdCount = 10;

// 0.50, 0.55 … 0.95 in the very bits of numpy.linspace(.5, .95, 10).
const std::array<double, kThresholdCount>& IouThresholds();

// A range of areas in square pixels, both ends included.
struct AreaRange {
  double low = 0;
  double high = 1e10;
};

// What became of one detection. Bit t stands for threshold t.
struct MatchBits {
  uint16_t matched = 0;  // took a true box
  uint16_t ignored = 0;  // took a box to ignore, or took none and is outside the area range: not counted
};

// Matches the detections of one image and category, at every threshold.
// detections [D]: by falling score, at most 100. truths [G]: in the order of the file.
// Returns [D]. A true box is ignored when it is a crowd or its area is outside `range`.
// Source: COCOeval.evaluateImg of pycocotools 2.0.
std::vector<MatchBits> MatchImage(std::span<const DetectedBox> detections, std::span<const TrueBox> truths,
                                  const AreaRange& range);

}  // namespace loupe::evaluation
