// RoIAlign over a pyramid: the features of a box as a small grid, by bilinear sampling.

#ifndef LOUPE_WORKER_DETECTION_ROI_ALIGN_H_
#define LOUPE_WORKER_DETECTION_ROI_ALIGN_H_

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "loupe/v1/detector.pb.h"

namespace loupe::detection {

struct RoiAlignOptions {
  int64_t output_size = 7;  // S: bins per side
  // Sampling points per bin and axis; 0: as many as a bin has cells, rounded up.
  int64_t sampling_ratio = 2;
  bool aligned = false;  // as v1::Detector::roi_aligned
};

// Boxes to pool, over all images of a batch. P: number of boxes.
struct Rois {
  torch::Tensor boxes;   // [P, 4] float32, pixels of the resized image
  torch::Tensor images;  // [P] int64, index in the batch
  torch::Tensor levels;  // [P] int64, index of the pyramid level
};

// Index of the level to pool each box from. A box of roi_canonical_size pixels is pooled at stride 16, a box
// of twice the size one level coarser. Reads roi_canonical_size and the two epsilons of levels.
// Shapes: boxes [P, 4]; strides of the levels, each twice the one before.
// Source: Lin et al. 2017, equation 1.
torch::Tensor PyramidLevels(const torch::Tensor& boxes, const std::vector<int64_t>& strides,
                            const v1::Detector& config);

// Features of each box [P, F, S, S], channels-last, differentiable with respect to the features.
// A point more than one cell outside the map counts as 0. Unless it is aligned, a box narrower than a cell is
// widened to one cell; its left (or top) side stays.
// features: one map [N, F, H, W] per level; strides: one per level.
// On a CPU hand-written kernels run, with threads over boxes forward, over images and channels backward. The
// result doesn't depend on the number of threads.
// Source: He et al. 2017 (Mask R-CNN); torchvision's `roi_align`.
torch::Tensor MultiScaleRoiAlign(const std::vector<torch::Tensor>& features,
                                 const std::vector<int64_t>& strides, const Rois& rois,
                                 const RoiAlignOptions& options);

// The same in plain tensor operations, for other devices and as the reference in tests.
torch::Tensor RoiAlignReference(const std::vector<torch::Tensor>& features,
                                const std::vector<int64_t>& strides, const Rois& rois,
                                const RoiAlignOptions& options);

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_ROI_ALIGN_H_
