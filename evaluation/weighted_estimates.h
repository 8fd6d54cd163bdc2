// What a random slice of a pool says of all of it: a model's precision, recall and AP50 on the images that
// had no labels, how common each class is, and how many boxes are still to draw. With intervals.
//
// Legend: U: the images that could be drawn, which had no label then; M: how many they are; k: those of the
// slice that are answered; C: categories. Each of the k stands for M / k images.
#pragma once

#include <cstdint>
#include <vector>

namespace loupe::evaluation {

struct SampledDetection {
  int32_t class_index = 0;  // 0-based
  float score = 0;          // not NaN
  bool correct = false;     // matched with a true box of its category at IoU 0.5
};

struct SampledImage {
  std::vector<uint32_t> true_boxes;          // [C], as many as a person drew
  std::vector<SampledDetection> detections;  // in any order
};

// Requires: `drawn` are the first k of a uniform random order of U. To skip one that is not answered yet
// would favour those that are quick to answer.
struct PoolSample {
  int num_classes = 0;
  std::vector<SampledImage> drawn;             // [k]
  uint64_t population = 0;                     // M
  std::vector<uint64_t> boxes_labelled_since;  // [C], in images of U that are labelled but not among `drawn`
  uint64_t known_images = 0;                   // labelled before the draw; they and U are the pool
  uint64_t known_images_with_boxes = 0;        // of any category
  std::vector<uint64_t> known_images_with_class;  // [C]
};

struct EstimateOptions {
  double score_threshold = 0.5;  // of the detections that precision and recall judge
  int resamples = 1000;
  double level = 0.95;  // share of the slices that could have been drawn whose interval holds the truth
  uint64_t seed = 0;    // the same seed gives the same intervals everywhere
  int threads = 0;      // 0: one for each processor; the numbers don't depend on it
};

// True boxes in the drawn images below which there is no interval.
constexpr uint64_t kFewestBoxes = 30;

// `value` is -1 where there is nothing to judge. An interval is left out
// - below kFewestBoxes true boxes in the drawn images (of the category, or of all), for precision also below
// 30
//   judged detections;
// - where the drawn images agree entirely while others are unseen: they don't show how much images differ.
struct PoolEstimate {
  double value = -1;
  bool has_interval = false;
  double low = -1;
  double high = -1;
};

struct PoolFigures {
  PoolEstimate precision;   // share of the detections in U from the threshold up that are correct
  PoolEstimate recall;      // share of the true boxes in U that those detections found
  PoolEstimate ap50;        // in U, all scores
  PoolEstimate prevalence;  // share of the pool's images, labelled ones included, with a true box
  PoolEstimate boxes_left;  // true boxes in images of U that have no label yet
};

struct PoolEstimates {
  std::vector<PoolFigures> classes;  // [C]
  PoolFigures pooled;                // boxes of all categories together; ap50 is a mean of categories
  int averaged_classes = 0;          // in pooled.ap50: those with at least kFewestBoxes of them
};

// Precision, recall and AP50 are of U, not of the pool: labelled images are what a model was trained on. They
// mean nothing for a model that was trained on images of the slice.
//
// Intervals: the images are drawn again. A share k / M of them stay as they are, since what is drawn without
// replacement can't be wrong about them; the others are drawn again with replacement from among themselves.
// So an image's copies vary by 1 - k / M, and a slice that is all of U has intervals without width. The
// quantiles are those of Student's distribution rather than the normal one, with the degrees of freedom of
// the spread that single images cause: few images with many boxes each give wide intervals. A few images that
// hold a large part of a category's boxes in U are still a risk: until one is drawn, nothing tells of them.
// Source: after Antal, Tillé 2011 (draws without replacement); Hesterberg 2015 (quantiles moved outwards);
// Satterthwaite 1946 (degrees of freedom).
//
// Time: (resamples + k) passes over the detections of the drawn images.
PoolEstimates EstimatePool(const PoolSample& sample, const EstimateOptions& options = {});

}  // namespace loupe::evaluation
