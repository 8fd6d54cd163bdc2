#include "worker/detection/antialias.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <vector>

#include "worker/detection/kernel.h"

namespace loupe::detection {
namespace {

constexpr int64_t kChannels = 3;
// A pixel in a row has a fourth lane, which is not used: vectors of four are read at once.
constexpr int64_t kLanes = 4;
// Weights of 8-bit pixels are whole multiples of 2^-22.
constexpr int kWeightBits = 22;

// How a picture's levels are computed with. Whole numbers for 8 bits, as Pillow does, floats for others.
template <typename Level>
struct Arithmetic {
  using Number = float;
  using Result = float;
  typedef float Numbers __attribute__((vector_size(kLanes * sizeof(float))));
  typedef float Pixel __attribute__((vector_size(kLanes * sizeof(float)), aligned(sizeof(float)), may_alias));

  static float Weight(double share) { return static_cast<float>(share); }
  static float Round(float sum) { return sum; }
};

template <>
struct Arithmetic<uint8_t> {
  using Number = int32_t;
  using Result = uint8_t;
  typedef int32_t Numbers __attribute__((vector_size(kLanes * sizeof(int32_t))));
  typedef uint8_t Pixel __attribute__((vector_size(kLanes), aligned(1), may_alias));

  static int32_t Weight(double share) { return static_cast<int32_t>(share * (1 << kWeightBits) + 0.5); }
  static uint8_t Round(int32_t sum) {
    return static_cast<uint8_t>(std::clamp((sum + (1 << (kWeightBits - 1))) >> kWeightBits, 0, 255));
  }
};

// Which pixels of a side each pixel of the new side covers, and with which weight.
template <typename Number>
struct Cover {
  std::vector<int64_t> first;   // [new side]
  std::vector<int64_t> count;   // [new side], each from 1 to `most`
  std::vector<Number> weights;  // [new side, most]
  int64_t most = 0;

  const Number* WeightsOf(int64_t pixel) const { return weights.data() + pixel * most; }
};

template <typename Level>
Cover<typename Arithmetic<Level>::Number> MakeCover(int64_t from, int64_t to) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double reach = std::max(scale, 1.0);  // half the triangle's width
  Cover<typename Arithmetic<Level>::Number> cover;
  cover.most = static_cast<int64_t>(std::ceil(reach)) * 2 + 1;
  cover.weights.resize(static_cast<size_t>(to * cover.most));
  std::vector<double> shares;
  for (int64_t pixel = 0; pixel < to; ++pixel) {
    const double centre = (static_cast<double>(pixel) + 0.5) * scale;
    const int64_t first = std::max<int64_t>(0, static_cast<int64_t>(centre - reach + 0.5));
    const int64_t end = std::min(from, static_cast<int64_t>(centre + reach + 0.5));
    double sum = 0;
    shares.clear();
    for (int64_t i = first; i < end; ++i) {
      const double distance = std::abs((static_cast<double>(i) - centre + 0.5) * (1.0 / reach));
      shares.push_back(std::max(0.0, 1 - distance));
      sum += shares.back();
    }
    for (size_t i = 0; i < shares.size(); ++i) {
      cover.weights[static_cast<size_t>(pixel * cover.most) + i] = Arithmetic<Level>::Weight(shares[i] / sum);
    }
    cover.first.push_back(first);
    cover.count.push_back(end - first);
  }
  return cover;
}

// One row of the picture, as [width, kLanes].
template <typename Level, typename Row>
void CopyRow(const torch::Tensor& picture, int64_t row, Row* out) {
  const auto* levels = static_cast<const Level*>(picture.data_ptr()) + row * picture.stride(1);
  const int64_t width = picture.size(2), step = picture.stride(2), channel = picture.stride(0);
  for (int64_t x = 0; x < width; ++x) {
    const Level* pixel = levels + x * step;
    for (int64_t c = 0; c < kChannels; ++c) out[x * kLanes + c] = static_cast<Row>(pixel[c * channel]);
  }
}

// A row [W, kLanes] to planes [kChannels, w], each `plane` apart.
template <typename Level, typename Row>
LOUPE_KERNEL_PART void ResizeRowAs(const Row* row, const Cover<typename Arithmetic<Level>::Number>& cover,
                                   int64_t plane, Row* out) {
  using Number = typename Arithmetic<Level>::Number;
  using Numbers = typename Arithmetic<Level>::Numbers;
  using Pixel = typename Arithmetic<Level>::Pixel;
  const auto width = static_cast<int64_t>(cover.first.size());
  for (int64_t x = 0; x < width; ++x) {
    const Row* pixel = row + cover.first[x] * kLanes;
    const Number* weights = cover.WeightsOf(x);
    Numbers sum = {};
    for (int64_t i = 0; i < cover.count[x]; ++i) {
      const Pixel levels = *reinterpret_cast<const Pixel*>(pixel + i * kLanes);
      sum += __builtin_convertvector(levels, Numbers) * weights[i];
    }
    for (int64_t c = 0; c < kChannels; ++c) out[c * plane + x] = Arithmetic<Level>::Round(sum[c]);
  }
}

// The weighted sum of `count` lines.
template <typename Level, typename Row>
LOUPE_KERNEL_PART void SumLinesAs(const Row* const* lines, int64_t count,
                                  const typename Arithmetic<Level>::Number* weights, int64_t length,
                                  Row* out) {
  using Number = typename Arithmetic<Level>::Number;
  constexpr int64_t kBlock = 32;
  int64_t at = 0;
  for (; at + kBlock <= length; at += kBlock) {
    Number sums[kBlock] = {};
    for (int64_t i = 0; i < count; ++i) {
      const Row* line = lines[i] + at;
      for (int64_t j = 0; j < kBlock; ++j) sums[j] += static_cast<Number>(line[j]) * weights[i];
    }
    for (int64_t j = 0; j < kBlock; ++j) out[at + j] = Arithmetic<Level>::Round(sums[j]);
  }
  for (; at < length; ++at) {
    Number sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += static_cast<Number>(lines[i][at]) * weights[i];
    out[at] = Arithmetic<Level>::Round(sum);
  }
}

LOUPE_CPU_KERNEL void ResizeRow(const uint8_t* row, const Cover<int32_t>& cover, int64_t plane,
                                uint8_t* out) {
  ResizeRowAs<uint8_t>(row, cover, plane, out);
}
LOUPE_CPU_KERNEL void ResizeRow(const float* row, const Cover<float>& cover, int64_t plane, float* out) {
  ResizeRowAs<float>(row, cover, plane, out);
}
LOUPE_CPU_KERNEL void SumLines(const uint8_t* const* lines, int64_t count, const int32_t* weights,
                               int64_t length, uint8_t* out) {
  SumLinesAs<uint8_t>(lines, count, weights, length, out);
}
LOUPE_CPU_KERNEL void SumLines(const float* const* lines, int64_t count, const float* weights, int64_t length,
                               float* out) {
  SumLinesAs<float>(lines, count, weights, length, out);
}

template <typename Level>
torch::Tensor ResizeAs(const torch::Tensor& picture, ImageSize size, torch::ScalarType type) {
  using Row = typename Arithmetic<Level>::Result;
  const int64_t columns = picture.size(2);
  const auto across = MakeCover<Level>(columns, size.width);
  const auto down = MakeCover<Level>(picture.size(1), size.height);
  const torch::Tensor resized = torch::empty({kChannels, size.height, size.width}, type);
  auto* out = static_cast<Row*>(resized.data_ptr());
  constexpr int64_t kRowsATask = 64;
  at::parallel_for(0, size.height, kRowsATask, [&](int64_t begin, int64_t end) {
    const int64_t length = kChannels * size.width;
    std::vector<Row> row(static_cast<size_t>(columns * kLanes));
    std::vector<Row> ring(static_cast<size_t>(down.most * length));  // resized rows, by their number
    std::vector<Row> line(static_cast<size_t>(length));
    std::vector<const Row*> lines(static_cast<size_t>(down.most));
    int64_t next = down.first[begin];  // the first row that isn't resized yet
    for (int64_t y = begin; y < end; ++y) {
      for (; next < down.first[y] + down.count[y]; ++next) {
        CopyRow<Level>(picture, next, row.data());
        ResizeRow(row.data(), across, size.width, ring.data() + next % down.most * length);
      }
      for (int64_t i = 0; i < down.count[y]; ++i) {
        lines[static_cast<size_t>(i)] = ring.data() + (down.first[y] + i) % down.most * length;
      }
      SumLines(lines.data(), down.count[y], down.WeightsOf(y), length, line.data());
      for (int64_t c = 0; c < kChannels; ++c) {
        std::memcpy(out + (c * size.height + y) * size.width, line.data() + c * size.width,
                    static_cast<size_t>(size.width) * sizeof(Row));
      }
    }
  });
  return resized;
}

}  // namespace

torch::Tensor ResizeAntialiased(const torch::Tensor& picture, ImageSize size) {
  if (picture.dtype() == torch::kUInt8) return ResizeAs<uint8_t>(picture, size, torch::kUInt8);
  if (picture.dtype() == torch::kInt16) return ResizeAs<uint16_t>(picture, size, torch::kFloat32);
  return ResizeAs<float>(picture, size, torch::kFloat32);
}

}  // namespace loupe::detection
