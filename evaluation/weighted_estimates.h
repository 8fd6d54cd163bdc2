// What a random slice says about the whole pool, with intervals: a model's precision, recall and AP50 on the
// images that had no labels, how common each class is, and how many boxes are still to be drawn.
//
// Legend: U: the images without a label at the time of the draw; M: their number; k: the answered images of
// the slice, each of which stands for M / k images of U; C: classes.
#pragma once

#include <cstdint>
#include <vector>

namespace loupe::evaluation {

struct SampledDetection {
  int32_t class_index = 0;  // 0-based
  float score = 0;          // not NaN
  bool correct = false;     // matched with a true box of its class at IoU 0.5
};

struct SampledImage {
  std::vector<uint32_t> true_boxes;          // [C] number of boxes that a person drew
  std::vector<SampledDetection> detections;  // in any order
};

// Requires: `drawn` are the first k of a uniform random order of U. Leaving out an image because it isn't
// answered yet would favour images that are quick to answer.
struct PoolSample {
  int num_classes = 0;
  std::vector<SampledImage> drawn;                // [k]
  uint64_t population = 0;                        // M
  std::vector<uint64_t> boxes_labelled_since;     // [C] in labelled images of U that aren't in `drawn`
  uint64_t known_images = 0;                      // labelled before the draw; together with U, the pool
  uint64_t known_images_with_boxes = 0;           // of any class
  std::vector<uint64_t> known_images_with_class;  // [C]
};

struct EstimateOptions {
  double score_threshold = 0.5;  // precision and recall judge the detections with at least this score
  int resamples = 1000;
  double level = 0.95;  // in (0, 1): share of all possible slices whose interval holds the truth
  uint64_t seed = 0;    // the same seed gives the same intervals
  int threads = 0;      // 0: one per processor; results don't depend on it
};

// With fewer true boxes in the drawn images there is no interval.
constexpr uint64_t kFewestBoxes = 30;

// `value` is -1 if there is nothing to judge. There is no interval
// - with fewer than kFewestBoxes true boxes in the drawn images (of the class, or of all classes), and for
//   precision also with fewer than kFewestBoxes judged detections;
// - if all drawn images agree although U has more images: they don't show how much images differ.
struct PoolEstimate {
  double value = -1;
  bool has_interval = false;
  double low = -1;
  double high = -1;
};

struct PoolFigures {
  PoolEstimate precision;   // share of correct ones among the detections in U from the threshold up
  PoolEstimate recall;      // share of the true boxes in U that these detections found
  PoolEstimate ap50;        // in U, all scores
  PoolEstimate prevalence;  // share of the pool's images, labelled ones included, with a true box
  PoolEstimate boxes_left;  // true boxes in images of U that have no label yet
};

struct PoolEstimates {
  std::vector<PoolFigures> classes;  // [C]
  PoolFigures pooled;                // boxes of all classes together; ap50 is the mean over averaged_classes
  int averaged_classes = 0;          // classes with at least kFewestBoxes true boxes
};

// Precision, recall and AP50 are those on U, not on the pool, since a model was trained on the labelled
// images. They mean nothing for a model that was trained on images of the slice.
//
// Intervals come from resamples. A share k / M of the drawn images is kept in each resample, since a draw
// without replacement is certain of them; the others are drawn from among themselves, with replacement. So
// the number of copies of an image has the variance 1 - k / M, and a slice that is all of U has intervals of
// width 0. The ends are quantiles of the resamples, moved outwards from the normal distribution's to
// Student's. The degrees of freedom come from how much single images contribute to the spread, so a few
// images with many boxes each give wide intervals. One risk remains: if a few images of U hold a large part
// of a class's boxes and none of them is drawn, nothing shows it.
// Sources: after Antal, Tillé 2011 (draws without replacement); Hesterberg 2015 (quantiles moved outwards);
// Satterthwaite 1946 (degrees of freedom).
//
// Time: (resamples + k) passes over the detections of the drawn images.
PoolEstimates EstimatePool(const PoolSample& sample, const EstimateOptions& options = {});

}  // namespace loupe::evaluation
