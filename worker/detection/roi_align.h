// RoIAlign over a pyramid: the features of a box as a small grid, by bilinear sampling.

#ifndef LOUPE_WORKER_DETECTION_ROI_ALIGN_H_
#define LOUPE_WORKER_DETECTION_ROI_ALIGN_H_

#include <torch/types.h>

#include <cstdint>
#include <vector>

namespace loupe::detection {

struct RoiAlignOptions {
  int64_t output_size = 7;     // S: bins a side
  int64_t sampling_ratio = 2;  // sampling points a bin and axis; >= 1
};

// Boxes to pool, over all images of a batch. P: number of boxes.
struct Rois {
  torch::Tensor boxes;   // [P, 4] float32, pixels of the resized image
  torch::Tensor images;  // [P] int64, index in the batch
  torch::Tensor levels;  // [P] int64, index of the pyramid level
};

// Index of the level to pool each box from: the one at which a box of `canonical_size` pixels has stride 16,
// twice the size one level up. Shapes: boxes [P, 4]; strides of the levels, each twice the one before.
// Source: Lin et al. 2017, equation 1.
torch::Tensor PyramidLevels(const torch::Tensor& boxes, const std::vector<int64_t>& strides,
                            int64_t canonical_size);

// Features of each box [P, F, S, S], channels-last, differentiable with respect to the features.
// A point beyond the map by more than a cell counts as 0; boxes narrower than a cell are widened to one, from
// their left (or top) side.
// features: one map a level [N, F, H, W]; strides: of each level.
// On a CPU hand-written kernels run, threaded over boxes forward and over images and channels backward; the
// result doesn't depend on the number of threads.
// Source: He et al. 2017 (Mask R-CNN); torchvision's `roi_align` with aligned=False.
torch::Tensor MultiScaleRoiAlign(const std::vector<torch::Tensor>& features,
                                 const std::vector<int64_t>& strides, const Rois& rois,
                                 const RoiAlignOptions& options);

// The same in plain tensor operations, for other devices and as the reference in tests.
torch::Tensor RoiAlignReference(const std::vector<torch::Tensor>& features,
                                const std::vector<int64_t>& strides, const Rois& rois,
                                const RoiAlignOptions& options);

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_ROI_ALIGN_H_
