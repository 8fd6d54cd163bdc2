#include "worker/detection/winograd_kernel.h"

#include "worker/detection/kernel.h"

namespace loupe::detection {
namespace {

using Lanes16 = float __attribute__((vector_size(64), aligned(4), may_alias));
using Lanes8 = float __attribute__((vector_size(32), aligned(4), may_alias));

template <typename V>
constexpr int64_t kLanes = sizeof(V) / sizeof(float);

template <typename V>
LOUPE_KERNEL_PART V& At(float* place) {
  return *reinterpret_cast<V*>(place);
}

template <typename V>
LOUPE_KERNEL_PART const V& At(const float* place) {
  return *reinterpret_cast<const V*>(place);
}

constexpr float kA = kNearPoint, kB = kFarPoint;
constexpr float kA2 = kA * kA, kB2 = kB * kB, kA3 = kA2 * kA, kB3 = kB2 * kB;
constexpr float kSum = kA2 + kB2, kProduct = kA2 * kB2;

// One row or column of B^T d. `step`: distance between its six cells.
template <typename V>
LOUPE_KERNEL_PART void PatchLine(const V* d, int step, V* t, int target_step) {
  const V d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
  const V near_even = d4 - kB2 * d2, near_odd = kA * (d3 - kB2 * d1);
  const V far_even = d4 - kA2 * d2, far_odd = kB * (d3 - kA2 * d1);
  t[0] = kProduct * d0 - kSum * d2 + d4;
  t[target_step] = near_even + near_odd;
  t[2 * target_step] = near_even - near_odd;
  t[3 * target_step] = far_even + far_odd;
  t[4 * target_step] = far_even - far_odd;
  t[5 * target_step] = kProduct * d1 - kSum * d3 + d5;
}

// One row or column of A^T m.
template <typename V>
LOUPE_KERNEL_PART void BackLine(const V* m, int step, V* y, int target_step) {
  const V near_sum = m[step] + m[2 * step], near_difference = m[step] - m[2 * step];
  const V far_sum = m[3 * step] + m[4 * step], far_difference = m[3 * step] - m[4 * step];
  y[0] = m[0] + near_sum + far_sum;
  y[target_step] = kA * near_difference + kB * far_difference;
  y[2 * target_step] = kA2 * near_sum + kB2 * far_sum;
  y[3 * target_step] = kA3 * near_difference + kB3 * far_difference + m[5 * step];
}

// One row or column of A y.
template <typename V>
LOUPE_KERNEL_PART void TileLine(const V* y, int step, V* t, int target_step) {
  const V y0 = y[0], y1 = y[step], y2 = y[2 * step], y3 = y[3 * step];
  const V near_even = y0 + kA2 * y2, near_odd = kA * y1 + kA3 * y3;
  const V far_even = y0 + kB2 * y2, far_odd = kB * y1 + kB3 * y3;
  t[0] = y0;
  t[target_step] = near_even + near_odd;
  t[2 * target_step] = near_even - near_odd;
  t[3 * target_step] = far_even + far_odd;
  t[4 * target_step] = far_even - far_odd;
  t[5 * target_step] = y3;
}

template <typename V>
LOUPE_KERNEL_PART void TransformPatch(const float* const* patch, int64_t channels, float* transformed,
                                      int64_t stride) {
  for (int64_t c = 0; c < channels; c += kLanes<V>) {
    V cells[kPatchCells], half[kPatchCells];
    for (int i = 0; i < kPatchCells; ++i) cells[i] = At<V>(patch[i] + c);
    for (int column = 0; column < kPatchSide; ++column)
      PatchLine(cells + column, kPatchSide, half + column, kPatchSide);
    for (int row = 0; row < kPatchSide; ++row) {
      V line[kPatchSide];
      PatchLine(half + row * kPatchSide, 1, line, 1);
      for (int i = 0; i < kPatchSide; ++i) At<V>(transformed + (row * kPatchSide + i) * stride + c) = line[i];
    }
  }
}

template <typename V>
LOUPE_KERNEL_PART void TransformBack(const float* transformed, int64_t stride, const OutputArguments& output,
                                     int64_t channels, float* const* tile) {
  for (int64_t c = 0; c < channels; c += kLanes<V>) {
    V cells[kPatchCells], half[kTileSide * kPatchSide];
    for (int i = 0; i < kPatchCells; ++i) cells[i] = At<V>(transformed + i * stride + c);
    for (int column = 0; column < kPatchSide; ++column)
      BackLine(cells + column, kPatchSide, half + column, kPatchSide);
    const V bias = At<V>(output.bias + c);
    for (int row = 0; row < kTileSide; ++row) {
      V line[kTileSide];
      BackLine(half + row * kPatchSide, 1, line, 1);
      for (int i = 0; i < kTileSide; ++i) {
        float* place = tile[row * kTileSide + i] + c;
        V value = line[i] + bias;
        if (output.accumulate) value += At<V>(place);
        if (output.relu) value = value > 0 ? value : V{};
        At<V>(place) = value;
      }
    }
  }
}

template <typename V>
LOUPE_KERNEL_PART void TransformTile(const float* const* tile, int64_t channels, float* transformed,
                                     int64_t stride) {
  for (int64_t c = 0; c < channels; c += kLanes<V>) {
    V cells[kTileCells], half[kPatchSide * kTileSide];
    for (int i = 0; i < kTileCells; ++i) cells[i] = At<V>(tile[i] + c);
    for (int column = 0; column < kTileSide; ++column)
      TileLine(cells + column, kTileSide, half + column, kTileSide);
    for (int row = 0; row < kPatchSide; ++row) {
      V line[kPatchSide];
      TileLine(half + row * kTileSide, 1, line, 1);
      for (int i = 0; i < kPatchSide; ++i) At<V>(transformed + (row * kPatchSide + i) * stride + c) = line[i];
    }
  }
}

// kRows x kVectors vectors of a product, held in registers.
template <typename V, int kRows, int kVectors>
LOUPE_KERNEL_PART void MultiplyBlock(const ProductArguments& product, const float* left, const float* right,
                                     float* target) {
  V sums[kRows][kVectors] = {};
  for (int64_t k = 0; k < product.depth; ++k) {
    V row[kVectors];
    for (int v = 0; v < kVectors; ++v) row[v] = At<V>(right + v * kLanes<V>);
    for (int r = 0; r < kRows; ++r) {
      const float factor = left[r * product.left_row];
      for (int v = 0; v < kVectors; ++v) sums[r][v] += factor * row[v];
    }
    left += product.left_depth;
    right += product.right_depth;
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) {
      V& place = At<V>(target + r * product.target_row + v * kLanes<V>);
      place = product.accumulate ? place + sums[r][v] : sums[r][v];
    }
  }
}

template <typename V, int kRows, int kVectors>
LOUPE_KERNEL_PART void Multiply(const ProductArguments& product) {
  constexpr int64_t kWidth = kVectors * kLanes<V>;
  for (int64_t column = 0; column < product.columns; column += kWidth) {
    const float* right =
        product.right + column / kProductColumns * product.right_panel + column % kProductColumns;
    for (int64_t row = 0; row < product.rows; row += kRows) {
      MultiplyBlock<V, kRows, kVectors>(product, product.left + row * product.left_row, right,
                                        product.target + row * product.target_row + column);
    }
  }
}

// The kernels for one kind of processor, with as many sums as its registers hold.
#define LOUPE_WINOGRAD_KERNELS(name, processor, Lanes, rows, vectors)                           \
  namespace name {                                                                              \
  __attribute__((target(processor))) void Patch(const float* const* patch, int64_t channels,    \
                                                float* transformed, int64_t stride) {           \
    TransformPatch<Lanes>(patch, channels, transformed, stride);                                \
  }                                                                                             \
  __attribute__((target(processor))) void Back(const float* transformed, int64_t stride,        \
                                               const OutputArguments& output, int64_t channels, \
                                               float* const* tile) {                            \
    TransformBack<Lanes>(transformed, stride, output, channels, tile);                          \
  }                                                                                             \
  __attribute__((target(processor))) void Tile(const float* const* tile, int64_t channels,      \
                                               float* transformed, int64_t stride) {            \
    TransformTile<Lanes>(tile, channels, transformed, stride);                                  \
  }                                                                                             \
  __attribute__((target(processor))) void Product(const ProductArguments& product) {            \
    Multiply<Lanes, rows, vectors>(product);                                                    \
  }                                                                                             \
  constexpr WinogradKernels kKernels = {Patch, Back, Tile, Product};                            \
  }

#ifdef __x86_64__
LOUPE_WINOGRAD_KERNELS(avx512, "avx512f,avx512vl,avx512bw,avx512dq,fma", Lanes16, 8, 2)
LOUPE_WINOGRAD_KERNELS(avx2, "avx2,fma", Lanes8, 4, 2)
#endif

}  // namespace

const std::vector<const WinogradKernels*>& UsableWinogradKernels() {
  static const std::vector<const WinogradKernels*> usable = [] {
    std::vector<const WinogradKernels*> kernels;
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")) {
      kernels.push_back(&avx512::kKernels);
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) kernels.push_back(&avx2::kKernels);
#endif
    return kernels;
  }();
  return usable;
}

}  // namespace loupe::detection
