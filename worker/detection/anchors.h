// Anchors: the boxes that the region proposal network starts from.

#ifndef LOUPE_WORKER_DETECTION_ANCHORS_H_
#define LOUPE_WORKER_DETECTION_ANCHORS_H_

#include <torch/types.h>

#include <vector>

#include "loupe/v1/detector.pb.h"
#include "worker/detection/types.h"

namespace loupe::detection {

class AnchorGenerator {
 public:
  // Reads the fields anchor_…. Every level must have as many sizes as the others.
  explicit AnchorGenerator(const v1::Detector& config);

  // Anchors per cell, the same on each level.
  int64_t anchors_per_cell() const { return cell_anchors_.front().size(0); }

  // Anchors of each level [H * W * A, 4] in pixels of the padded batch, ordered by row, column and anchor.
  // `grids` are the sizes of the feature maps.
  // The result is cached until the sizes or the device change.
  // Requires: as many grids as levels.
  const std::vector<torch::Tensor>& Generate(const std::vector<ImageSize>& grids, ImageSize padded,
                                             torch::Device device);

 private:
  std::vector<torch::Tensor> cell_anchors_;  // of each level: [A, 4], centred on 0
  std::vector<int64_t> strides_;             // of each level; empty: by the sizes of the maps
  float offset_;                             // of the first anchor, in strides
  std::vector<ImageSize> grids_;             // anchors_ were made for these
  ImageSize padded_;
  std::vector<torch::Tensor> anchors_;
};

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_ANCHORS_H_
