#include "worker/prediction/perceptual_hash.h"

#include <torch/types.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <numeric>
#include <type_traits>

namespace loupe {
namespace {

constexpr int64_t kSide = 32;
constexpr int64_t kFrequencies = 8;
// Smaller differences of coefficients are rounding errors, since grey levels are in [0, 1].
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

// Which pixels of a side of `size` a cell covers, as adaptive_avg_pool2d divides it.
struct Cell {
  Cell(int64_t index, int64_t size)
      : begin(index * size / kSide), end(((index + 1) * size + kSide - 1) / kSide) {}

  int64_t begin;
  int64_t end;
};

// [32, 32]: mean levels in [0, 1]. image: [3, H, W]. largest: the level that counts as 1.
template <typename Level>
torch::Tensor Shrunk(const torch::Tensor& image, double largest) {
  using Sum = std::conditional_t<std::is_integral_v<Level>, uint64_t, double>;
  const auto* levels = static_cast<const Level*>(image.data_ptr());
  const int64_t step = image.stride(2);
  torch::Tensor cells = torch::empty({kSide, kSide});
  auto means = cells.accessor<float, 2>();
  for (int64_t row = 0; row < kSide; ++row) {
    const Cell high(row, image.size(1));
    for (int64_t column = 0; column < kSide; ++column) {
      const Cell wide(column, image.size(2));
      Sum sum = 0;
      for (int64_t y = high.begin; y < high.end; ++y) {
        for (int64_t channel = 0; channel < 3; ++channel) {
          const Level* line = levels + channel * image.stride(0) + y * image.stride(1);
          for (int64_t x = wide.begin; x < wide.end; ++x) sum += line[x * step];
        }
      }
      const auto count = static_cast<double>(3 * (high.end - high.begin) * (wide.end - wide.begin));
      means[row][column] = static_cast<float>(static_cast<double>(sum) / largest / count);
    }
  }
  return cells;
}

torch::Tensor Shrunk(const torch::Tensor& image) {
  if (image.dtype() == torch::kUInt8) return Shrunk<uint8_t>(image, UINT8_MAX);
  if (image.dtype() == torch::kInt16) return Shrunk<uint16_t>(image, UINT16_MAX);
  return Shrunk<float>(image, 1);
}

// As a share of the largest level. LibTorch would make a copy in a wider type first. levels: dense.
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
    hash |= static_cast<uint64_t>(shapes[i].item<float>() > median + kSilence)
            << static_cast<unsigned>(i + 1);
  }
  return hash;
}

float Brightness(const torch::Tensor& image) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor levels = image.stride(0) == 0 ? image[0] : image;  // grey: one plane, seen three times
  const torch::Tensor dense = levels.is_non_overlapping_and_dense() ? levels : levels.contiguous();
  if (image.dtype() == torch::kUInt8) return MeanLevel<uint8_t>(dense);
  if (image.dtype() == torch::kInt16) return MeanLevel<uint16_t>(dense);
  return image.mean().item<float>();
}

}  // namespace loupe
