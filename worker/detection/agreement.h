// How well the predictions for an image and for its mirrored copy agree.

#ifndef LOUPE_WORKER_DETECTION_AGREEMENT_H_
#define LOUPE_WORKER_DETECTION_AGREEMENT_H_

#include <torch/types.h>

#include <cstdint>

#include "worker/detection/types.h"

namespace loupe::detection {

// Boxes [K, 4] of an image, mirrored left to right. The image is `width` pixels wide.
torch::Tensor MirrorBoxes(const torch::Tensor& boxes, int64_t width);

// What a second look at the mirrored image says of each of K detections. On the CPU.
struct MirrorMatch {
  torch::Tensor agreement;  // [K] float32 in [0, 1]
  torch::Tensor partners;   // [K, 4] float32, boxes of the mirrored image, mirrored back; 0 without a partner
};

// Agreement of each detection of `original` with its partner in `mirrored`: m = ½ (IoU + 1 − JS), JS the
// Jensen-Shannon divergence in bits between the two class distributions (background included). Partners are
// matched greedily by descending IoU, regardless of class; a box has at most one partner, and boxes that do
// not overlap are never partners. A detection without a partner has agreement 0. `mirrored.boxes` must
// already be mirrored back (MirrorBoxes).
// Source: Yu et al. 2022 (CALD), with one divergence for the whole distribution.
MirrorMatch MatchMirrored(const Detections& original, const Detections& mirrored);

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_AGREEMENT_H_
