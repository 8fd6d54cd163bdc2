// Anchors: the boxes that the region proposal network starts from.

#ifndef LOUPE_WORKER_DETECTION_ANCHORS_H_
#define LOUPE_WORKER_DETECTION_ANCHORS_H_

#include <torch/types.h>

#include <vector>

#include "worker/detection/types.h"

namespace loupe::detection {

class AnchorGenerator {
 public:
  // `sizes`: side lengths in pixels, one list a pyramid level. `ratios`: height / width.
  AnchorGenerator(const std::vector<std::vector<float>>& sizes, const std::vector<float>& ratios);

  // Anchors a cell of each level; the RPN's head needs it to be the same on all.
  int64_t anchors_per_cell() const { return cell_anchors_.front().size(0); }

  // Anchors of each level [H * W * A, 4] in pixels of the padded batch, by row, column and then anchor.
  // `grids` are the sizes of the feature maps; a cell is padded / grid pixels, rounded down.
  // Kept until the sizes change.
  // Requires: as many grids as levels.
  const std::vector<torch::Tensor>& Generate(const std::vector<ImageSize>& grids, ImageSize padded,
                                             torch::Device device);

 private:
  std::vector<torch::Tensor> cell_anchors_;  // a level: [A, 4], centred on 0
  std::vector<ImageSize> grids_;             // what anchors_ were made for
  ImageSize padded_;
  std::vector<torch::Tensor> anchors_;
};

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_ANCHORS_H_
