// The CPU kernels of Winograd's convolution F(4x4, 3x3), on plain channels-last arrays (winograd.h describes
// the method).

#ifndef LOUPE_WORKER_DETECTION_WINOGRAD_KERNEL_H_
#define LOUPE_WORKER_DETECTION_WINOGRAD_KERNEL_H_

#include <cstdint>
#include <vector>

namespace loupe::detection {

// A tile is 4 x 4 cells of the result. It depends on 6 x 6 cells of the input; transformed, these are 36
// numbers per channel.
constexpr int64_t kTileSide = 4;
constexpr int64_t kPatchSide = 6;
constexpr int64_t kTileCells = kTileSide * kTileSide;
constexpr int64_t kPatchCells = kPatchSide * kPatchSide;

// Columns and rows of a product are multiples of these.
constexpr int64_t kProductColumns = 32;
constexpr int64_t kProductRows = 8;

// The interpolation points are 0, +-kNearPoint, +-kFarPoint and infinity: with them the rounding error is
// half of that with the usual +-1 and +-2, and all coefficients of A and B are exact in float32.
constexpr double kNearPoint = 0.75;
constexpr double kFarPoint = 1.5;

// target[row][column] (+)= sum over depth of left[row][depth] * right[depth][column]. The columns are in
// panels of kProductColumns, `right_panel` apart. Strides are in floats.
struct ProductArguments {
  int64_t rows = 0;     // a multiple of kProductRows
  int64_t columns = 0;  // a multiple of kProductColumns
  int64_t depth = 0;
  const float* left = nullptr;
  int64_t left_row = 0;
  int64_t left_depth = 0;
  const float* right = nullptr;
  int64_t right_panel = 0;
  int64_t right_depth = 0;
  float* target = nullptr;
  int64_t target_row = 0;
  bool accumulate = false;
};

// What is done to a result before it is stored.
struct OutputArguments {
  const float* bias = nullptr;  // [channels]
  bool accumulate = false;      // add to the target's values
  bool relu = false;
};

// `channels` are multiples of 16. Transformed values lie `stride` floats apart.
struct WinogradKernels {
  // B^T d B. `patch`: pointers to the channels of each of the 36 cells.
  void (*transform_patch)(const float* const* patch, int64_t channels, float* transformed, int64_t stride);
  // A^T m A. `tile`: pointers to the channels of each of the 16 cells.
  void (*transform_back)(const float* transformed, int64_t stride, const OutputArguments& output,
                         int64_t channels, float* const* tile);
  // A y A^T, for the gradient of the weights.
  void (*transform_tile)(const float* const* tile, int64_t channels, float* transformed, int64_t stride);
  void (*multiply)(const ProductArguments& product);
};

// The kernels that this processor can run, fastest first; none without AVX-512 and without AVX2 with FMA.
const std::vector<const WinogradKernels*>& UsableWinogradKernels();

}  // namespace loupe::detection

#endif  // LOUPE_WORKER_DETECTION_WINOGRAD_KERNEL_H_
