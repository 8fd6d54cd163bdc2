// The images that a model is trained on, and their order.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coco/coco_file.h"
#include "content/intensity_range.h"
#include "worker/detection/types.h"

namespace loupe {

struct TrainingImage {
  std::string name;  // for error messages
  // Reads the picture from its file on every call: [3, H, W] RGB, of a type that Levels takes.
  std::function<absl::StatusOr<torch::Tensor>()> load;
  detection::Target target;  // labels 1..C, in the order of TrainingSet::class_names
  bool pseudo = false;       // boxes are pseudo-labels; never used for validation
};

// A labelled box, or a region to ignore.
struct TrainingBox {
  std::array<float, 4> corners = {};  // x1, y1, x2, y2 in pixels of the picture
  int64_t label = 0;                  // 1..C
  bool ignore = false;                // a region to ignore
};
detection::Target TargetOf(const std::vector<TrainingBox>& boxes);
// The labelled boxes in their order, then the regions to ignore (with label 0).
std::vector<TrainingBox> BoxesOf(const detection::Target& target);

struct TrainingSet {
  std::vector<std::string> class_names;  // C
  std::vector<TrainingImage> images;
  std::vector<TrainingImage> validation;  // measure AP during the training; never trained on
};

// All images of a COCO file. The classes are its categories by ascending id. Boxes marked `iscrowd` become
// regions to ignore. range: of pictures with 16 bits. Requires: FitToPictures() of the file was OK.
// Errors: INVALID_ARGUMENT when the file has no category, or a box is empty or infinite as float32.
absl::StatusOr<TrainingSet> TrainingSetFromCoco(const CocoFile& coco, const std::filesystem::path& images_dir,
                                                IntensityRange range = {});

// Moves about `share` (in [0, 1]) of the images to `validation`. A hash of seed and name decides, so an image
// stays on its side when other images are added or removed. Images with pseudo-labels are never moved.
void HoldOut(double share, uint64_t seed, TrainingSet& set);

// How often an epoch shows each image, at least 1. Images with a rare class are shown more often: the factor
// is the largest sqrt(threshold / f) of the image's classes, where f is the share of images with that class.
// Source: Gupta et al. 2019 (LVIS), repeat-factor sampling.
std::vector<double> RepeatFactors(const std::vector<TrainingImage>& images, double threshold);

// An endless sequence of images. Each epoch has its own random order. The image at a position depends only on
// seed and position, so a resumed training continues where it stopped.
class SampleOrder {
 public:
  // factors: how often an epoch shows each image; a fraction is rounded up or down at random in each epoch.
  // Requires: at least one factor; all >= 1.
  SampleOrder(std::vector<double> factors, uint64_t seed);

  // The index of the image at `position`, from 0. Fast when positions increase from call to call.
  size_t At(uint64_t position);

 private:
  void DrawEpoch();

  std::vector<double> factors_;
  uint64_t seed_;
  uint64_t epoch_ = 0;
  uint64_t begin_ = 0;  // the position of order_[0]
  std::vector<size_t> order_;
};

}  // namespace loupe
