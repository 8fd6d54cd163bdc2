#include "worker/prediction/perceptual_hash.h"

#include <torch/types.h>

#include <cmath>
#include <numbers>

namespace loupe {
namespace {

constexpr int64_t kSide = 32;
constexpr int64_t kFrequencies = 8;
// Smaller coefficients are rounding errors, since grey levels are in [0, 1].
constexpr float kSilence = 1e-4F;

// [8, 32]: the first rows of the orthonormal cosine transform (DCT-II).
torch::Tensor CosineRows() {
  auto rows = torch::empty({kFrequencies, kSide});
  auto values = rows.accessor<float, 2>();
  for (int64_t k = 0; k < kFrequencies; ++k) {
    const double scale = std::sqrt((k == 0 ? 1.0 : 2.0) / kSide);
    for (int64_t x = 0; x < kSide; ++x) {
      values[k][x] = static_cast<float>(scale * std::cos(std::numbers::pi * (static_cast<double>(x) + 0.5) *
                                                         static_cast<double>(k) / kSide));
    }
  }
  return rows;
}

}  // namespace

uint64_t PerceptualHash(const torch::Tensor& image) {
  static const torch::Tensor rows = CosineRows();
  const torch::NoGradGuard no_grad;
  const torch::Tensor grey = torch::adaptive_avg_pool2d(image.mean(0, true), {kSide, kSide})[0];
  const torch::Tensor frequencies = rows.matmul(grey).matmul(rows.t()).flatten();
  const torch::Tensor shapes = frequencies.slice(0, 1).contiguous();
  if (shapes.abs().max().item<float>() < kSilence) return 0;
  const float median = shapes.median().item<float>();
  uint64_t hash = 0;
  for (int64_t i = 0; i < shapes.size(0); ++i) {
    hash |= static_cast<uint64_t>(shapes[i].item<float>() > median) << static_cast<unsigned>(i + 1);
  }
  return hash;
}

float Brightness(const torch::Tensor& image) {
  const torch::NoGradGuard no_grad;
  return image.mean().item<float>();
}

}  // namespace loupe
