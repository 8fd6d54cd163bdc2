// A hash by which nearly equal pictures are found.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace loupe {

// 64 bits that describe the coarse shapes in a picture. The picture is scaled to 32 x 32 grey levels and
// cosine transformed. Bits 1 to 63 say which of the lowest 8 x 8 frequencies, without the mean, are above
// their median; bit 0 is 0. Two pictures of the same thing with different light or compression differ in a
// few bits, unrelated pictures in about half. The hash of a picture of one colour is 0. image: [3, H, W] RGB
// on the CPU, of a type that Levels takes. Source: Zauner 2010, "Implementation and Benchmarking of
// Perceptual Image Hash Functions", section 3.1.
uint64_t PerceptualHash(const torch::Tensor& image);

// The mean grey level in [0, 1]. image: as above.
float Brightness(const torch::Tensor& image);

}  // namespace loupe
