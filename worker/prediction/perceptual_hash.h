// What nearly equal pictures are known by.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace loupe {

// 64 bits of a picture's coarse shapes: which of its 63 lowest frequencies (8 x 8 of the cosine transform of
// its grey levels at 32 x 32, without the mean) lie above their median; the first bit is 0. Pictures of one
// thing, lit or compressed otherwise, differ in a few bits, others in about half. A picture of one colour
// gives 0. image: [3, H, W] float32 RGB on the CPU. Source: Zauner 2010, "Implementation and Benchmarking of
// Perceptual Image Hash Functions", section 3.1.
uint64_t PerceptualHash(const torch::Tensor& image);

// Mean grey level in [0, 1] of such an image.
float Brightness(const torch::Tensor& image);

}  // namespace loupe
