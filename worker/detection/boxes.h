// Arithmetic on boxes [x1, y1, x2, y2] in pixels. Legend of shapes: faster_rcnn.h.

#ifndef LOUPE_WORKER_DETECTION_BOXES_H_
#define LOUPE_WORKER_DETECTION_BOXES_H_

#include <torch/types.h>

#include <limits>

#include "worker/detection/types.h"

namespace loupe::detection {

// Areas [N] of boxes [N, 4].
torch::Tensor BoxAreas(const torch::Tensor& boxes);

// Areas [...] that boxes [..., 4] have in common, pair by pair; shapes are broadcast.
torch::Tensor Intersections(const torch::Tensor& first, const torch::Tensor& second);

// Intersection over union [M, N] of boxes [M, 4] and [N, 4].
torch::Tensor BoxIou(const torch::Tensor& first, const torch::Tensor& second);

// The largest share of each box's own area that lies in one of `regions`.
// Shapes: boxes [N, 4], regions [I, 4]. Returns [N]; zeros when I = 0.
torch::Tensor LargestCoverage(const torch::Tensor& boxes, const torch::Tensor& regions);

// Boxes [..., 4] moved into the image: x in [0, width], y in [0, height].
torch::Tensor ClipBoxes(const torch::Tensor& boxes, ImageSize image);

// The least side of a box with area, in pixels.
constexpr double kSomeSide = std::numeric_limits<float>::min();

// True [N] where both sides of a box are at least `min_side` pixels.
torch::Tensor LargeEnough(const torch::Tensor& boxes, double min_side);

// Boxes [N, 4] of an image of size `from`, in the same image resized to `to`.
torch::Tensor ScaleBoxes(const torch::Tensor& boxes, ImageSize from, ImageSize to);

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_BOXES_H_
