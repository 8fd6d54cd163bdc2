#include "worker/prediction/perceptual_hash.h"

#include <torch/types.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <numeric>
#include <vector>

#include "worker/detection/transform.h"

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

// [32, 32]: mean levels. A row at a time, since a large picture as floats takes much memory.
torch::Tensor Shrunk(const torch::Tensor& image) {
  const int64_t height = image.size(1);
  std::vector<torch::Tensor> rows;
  for (int64_t row = 0; row < kSide; ++row) {
    // As adaptive_avg_pool2d divides a side.
    const int64_t begin = row * height / kSide;
    const int64_t end = ((row + 1) * height + kSide - 1) / kSide;
    const torch::Tensor band = detection::Levels(image.slice(1, begin, end)).mean(0, true);
    rows.push_back(torch::adaptive_avg_pool2d(band, {1, kSide})[0][0]);
  }
  return torch::stack(rows);
}

// As a share of the largest level. LibTorch would make a copy in a wider type first. levels: contiguous.
template <typename Level>
float MeanLevel(const torch::Tensor& levels) {
  const auto* level = static_cast<const Level*>(levels.data_ptr());
  const uint64_t sum = std::accumulate(level, level + levels.numel(), uint64_t{0});
  constexpr double kLargest = std::numeric_limits<Level>::max();
  return static_cast<float>(static_cast<double>(sum) / kLargest / static_cast<double>(levels.numel()));
}

}  // namespace

uint64_t PerceptualHash(const torch::Tensor& image) {
  static const torch::Tensor rows = CosineRows();
  const torch::NoGradGuard no_grad;
  const torch::Tensor grey = Shrunk(image);
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
  if (image.dtype() == torch::kUInt8) return MeanLevel<uint8_t>(image.contiguous());
  if (image.dtype() == torch::kInt16) return MeanLevel<uint16_t>(image.contiguous());
  return image.mean().item<float>();
}

}  // namespace loupe
