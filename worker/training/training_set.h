// The images that a model learns from, and the order in which it sees them.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/lib/coco_file.h"
#include "worker/detection/types.h"

namespace loupe {

struct TrainingImage {
  std::string name;  // for messages
  // Reads the picture, each time anew: [3, H, W] float32 RGB in [0, 1].
  std::function<absl::StatusOr<torch::Tensor>()> load;
  detection::Target target;  // labels 1..C by the order of the classes
  bool pseudo = false;       // a model drew the boxes: never judges
};

// A box of the truth.
struct TrainingBox {
  std::array<float, 4> corners = {};  // x1, y1, x2, y2 in pixels of the picture
  int64_t label = 0;                  // 1..C
  bool ignore = false;                // a region to ignore
};
detection::Target TargetOf(const std::vector<TrainingBox>& boxes);
// The boxes of the truth in their order, then the regions to ignore (with label 0).
std::vector<TrainingBox> BoxesOf(const detection::Target& target);

struct TrainingSet {
  std::vector<std::string> class_names;  // C
  std::vector<TrainingImage> images;
  std::vector<TrainingImage> validation;  // judge the model while it trains; never trained on
};

// All images of a COCO file. Classes are its categories by ascending id; boxes marked `iscrowd` become
// regions to ignore. Errors: INVALID_ARGUMENT when it holds no category, or a box that 32-bit numbers can't
// hold; on loading, for a picture of another size than the file says.
absl::StatusOr<TrainingSet> TrainingSetFromCoco(const CocoFile& coco,
                                                const std::filesystem::path& images_dir);

// Moves the images to `validation` whose hash of seed and name falls below `share`, in [0, 1], but for those
// with pseudo-labels: an image keeps its side when others come or go.
void HoldOut(double share, uint64_t seed, TrainingSet& set);

// How often an epoch shows each image: 1, or more when it holds a class that few images hold: the largest
// sqrt(threshold / f) of its classes, f being the share of images that hold the class.
// Source: Gupta et al. 2019 (LVIS), repeat-factor sampling.
std::vector<double> RepeatFactors(const std::vector<TrainingImage>& images, double threshold);

// An endless sequence of images, epoch after epoch, each in a random order of its own. What stands at a
// position depends on seed and position alone, so that a resumed training goes on where it stopped.
class SampleOrder {
 public:
  // Requires: at least one factor, each >= 1. A fractional factor is rounded up or down by chance in each
  // epoch.
  SampleOrder(std::vector<double> factors, uint64_t seed);

  // The index of the image at `position`, from 0. Cheap when positions rise.
  size_t At(uint64_t position);

 private:
  void DrawEpoch();

  std::vector<double> factors_;
  uint64_t seed_;
  uint64_t epoch_ = 0;
  uint64_t begin_ = 0;  // position of order_[0]
  std::vector<size_t> order_;
};

}  // namespace loupe
