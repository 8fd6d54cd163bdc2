// Makes pictures larger or smaller as Pillow does with BILINEAR: each new pixel is the mean of the pixels
// that it covers, under a triangle. It is at least two pixels wide, so that a larger picture is interpolated.

#ifndef LOUPE_WORKER_DETECTION_ANTIALIAS_H_
#define LOUPE_WORKER_DETECTION_ANTIALIAS_H_

#include <torch/types.h>

#include "worker/detection/types.h"

namespace loupe::detection {

// The picture at another size, [3, h, w], contiguous. uint8 gives uint8, bit for bit as Pillow's `resize`.
// int16 (the bits of uint16) and float32 give float32, not rounded, on the scale of the picture. Its memory
// is that of the result, however large the picture. Shapes: picture [3, H, W] on the CPU; all sides from 1.
// Source: Pillow 9.4, src/libImaging/Resample.c (the weights and their rounding).
torch::Tensor ResizeAntialiased(const torch::Tensor& picture, ImageSize size);

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_ANTIALIAS_H_
