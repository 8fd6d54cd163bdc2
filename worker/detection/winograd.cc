#include "worker/detection/winograd.h"

#include <torch/autograd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "worker/detection/parallel.h"
#include "worker/detection/round_up.h"
#include "worker/detection/winograd_kernel.h"

namespace loupe::detection {
namespace {

constexpr auto kChannelsLast = torch::MemoryFormat::ChannelsLast;
// With fewer tiles per image than this, reading the transformed weights costs more than is gained. The batch
// size must not matter: the last bits of an image's result may not depend on the other images of its batch.
constexpr int64_t kMinTiles = 16;
// Bytes of transformed values that are worked on at a time. They should stay in the last level of cache.
constexpr int64_t kBlockBytes = 8 << 20;
// The fewest tiles that a thread transforms.
constexpr int64_t kTransformGrain = 4;

// The tiles of a map [N, C, H, W], ordered by image, row and column.
class TileGrid {
 public:
  explicit TileGrid(const torch::Tensor& map)
      : images_(map.size(0)),
        channels_(map.size(1)),
        height_(map.size(2)),
        width_(map.size(3)),
        rows_(RoundUp(height_, kTileSide) / kTileSide),
        columns_(RoundUp(width_, kTileSide) / kTileSide) {}

  int64_t count() const { return images_ * per_image(); }
  int64_t per_image() const { return rows_ * columns_; }

  // Pointers to the channels of `side` x `side` cells; the first cell is `margin` cells above and left of the
  // tile. Cells outside the map, and all cells of a tile after the last one, point to `outside`.
  template <typename Float>
  void Locate(int64_t tile, int64_t margin, int64_t side, Float* map, Float* outside, Float** cells) const {
    const int64_t image = tile / (rows_ * columns_);
    const int64_t top = tile / columns_ % rows_ * kTileSide - margin;
    const int64_t left = tile % columns_ * kTileSide - margin;
    for (int64_t y = top; y < top + side; ++y) {
      for (int64_t x = left; x < left + side; ++x) {
        const bool inside = image < images_ && y >= 0 && y < height_ && x >= 0 && x < width_;
        *cells++ = inside ? map + ((image * height_ + y) * width_ + x) * channels_ : outside;
      }
    }
  }

 private:
  int64_t images_, channels_, height_, width_, rows_, columns_;
};

// Transformed tiles of one block: [36, tiles, channels].
struct Block {
  Block(int64_t tiles, int64_t channels)
      : values(torch::empty({kPatchCells, tiles, channels})), tiles(tiles), channels(channels) {}
  float* tile(int64_t index) const { return values.data_ptr<float>() + index * channels; }
  float* point(int64_t index) const { return values.data_ptr<float>() + index * stride(); }
  int64_t stride() const { return tiles * channels; }

  torch::Tensor values;
  int64_t tiles, channels;
};

int64_t BlockTiles(int64_t in, int64_t out, int64_t tiles) {
  const int64_t fit = kBlockBytes / (kPatchCells * static_cast<int64_t>(sizeof(float)) * (in + out));
  return std::min(RoundUp(fit, kProductRows), RoundUp(tiles, kProductRows));
}

void TransformPatches(const WinogradKernels& kernels, const TileGrid& grid, const torch::Tensor& x,
                      int64_t first, int64_t count, const Block& block) {
  const torch::Tensor zeros = torch::zeros({block.channels});
  ParallelFor(count, kTransformGrain, [&](int64_t begin, int64_t end) {
    std::array<const float*, kPatchCells> patch;
    for (int64_t i = begin; i < end; ++i) {
      grid.Locate<const float>(first + i, /*margin=*/1, kPatchSide, x.data_ptr<float>(),
                               zeros.data_ptr<float>(), patch.data());
      kernels.transform_patch(patch.data(), block.channels, block.tile(i), block.stride());
    }
  });
}

// Computes the 36 products in panels of kProductColumns, in parallel. `make(point)` returns the arguments of
// a product.
template <typename Make>
void MultiplyPoints(const WinogradKernels& kernels, int64_t columns, const Make& make) {
  const int64_t panels = columns / kProductColumns;
  ParallelFor(kPatchCells * panels, /*grain_size=*/1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      ProductArguments product = make(i / panels);
      product.columns = kProductColumns;
      product.right += i % panels * product.right_panel;
      product.target += i % panels * kProductColumns;
      kernels.multiply(product);
    }
  });
}

// G, which transforms a kernel along one axis: [6, 3].
torch::Tensor KernelTransform() {
  const std::array<double, kPatchSide - 1> points = {0, kNearPoint, -kNearPoint, kFarPoint, -kFarPoint};
  torch::Tensor transform = torch::zeros({kPatchSide, 3}, torch::kFloat64);
  auto entry = transform.accessor<double, 2>();
  for (size_t i = 0; i < points.size(); ++i) {
    double factor = 1;
    for (size_t j = 0; j < points.size(); ++j) {
      if (j != i) factor *= points[i] - points[j];
    }
    for (int power = 0; power < 3; ++power) entry[i][power] = std::pow(points[i], power) / factor;
  }
  entry[kPatchSide - 1][2] = 1;
  return transform;
}

// The same for both axes at once: [36, 9].
const torch::Tensor& KernelTransform2d() {
  static const torch::Tensor transform =
      torch::kron(KernelTransform(), KernelTransform()).to(torch::kFloat32);
  return transform;
}

// weight [O, I, 3, 3] in the layout of the products: [36, O / 32, I, 32].
torch::Tensor TransformWeight(const torch::Tensor& weight) {
  const int64_t out = weight.size(0), in = weight.size(1);
  const auto cells = weight.detach().permute({2, 3, 1, 0}).reshape({9, in * out});
  return KernelTransform2d()
      .mm(cells)
      .view({kPatchCells, in, out / kProductColumns, kProductColumns})
      .permute({0, 2, 1, 3})
      .contiguous();
}

// x [N, I, H, W] convolved, plus bias [O]. The result is in the residual's memory when there is one.
torch::Tensor Convolve(const torch::Tensor& x, const torch::Tensor& transformed, const torch::Tensor& bias,
                       const torch::Tensor& residual, bool relu) {
  const WinogradKernels& kernels = *UsableWinogradKernels().front();
  const torch::Tensor input = x.contiguous(kChannelsLast);
  const int64_t in = input.size(1), out = bias.size(0);
  const torch::Tensor y = residual.defined()
                              ? residual
                              : torch::empty({input.size(0), out, input.size(2), input.size(3)},
                                             torch::TensorOptions().memory_format(kChannelsLast));
  TORCH_CHECK(y.is_contiguous(kChannelsLast) && y.size(1) == out,
              "a residual must be laid out as the result");
  const TileGrid grid(input), result_grid(y);
  const int64_t size = BlockTiles(in, out, grid.count());
  const Block patches(size, in), products(size, out);
  const OutputArguments output{bias.data_ptr<float>(), residual.defined(), relu};
  for (int64_t first = 0; first < grid.count(); first += size) {
    const int64_t count = std::min(size, grid.count() - first);
    const int64_t rows = RoundUp(count, kProductRows);
    TransformPatches(kernels, grid, input, first, rows, patches);
    MultiplyPoints(kernels, out, [&](int64_t point) {
      return ProductArguments{.rows = rows,
                              .depth = in,
                              .left = patches.point(point),
                              .left_row = in,
                              .left_depth = 1,
                              .right = transformed.data_ptr<float>() + point * in * out,
                              .right_panel = in * kProductColumns,
                              .right_depth = kProductColumns,
                              .target = products.point(point),
                              .target_row = out};
    });
    ParallelFor(count, kTransformGrain, [&](int64_t begin, int64_t end) {
      std::array<float*, kTileCells> tile;
      std::vector<float> outside(out);  // for cells outside the map
      for (int64_t i = begin; i < end; ++i) {
        result_grid.Locate<float>(first + i, /*margin=*/0, kTileSide, y.data_ptr<float>(), outside.data(),
                                  tile.data());
        kernels.transform_back(products.tile(i), products.stride(), output, out, tile.data());
      }
    });
  }
  return y;
}

// The gradient of the weight [O, I, 3, 3], given that of the result.
torch::Tensor WeightGradient(const torch::Tensor& x, const torch::Tensor& gradient) {
  const WinogradKernels& kernels = *UsableWinogradKernels().front();
  const TileGrid grid(x), result_grid(gradient);
  const int64_t in = x.size(1), out = gradient.size(1);
  const int64_t size = BlockTiles(in, out, grid.count());
  const Block patches(size, in), tiles(size, out);
  const torch::Tensor zeros = torch::zeros({out});
  const torch::Tensor products = torch::empty({kPatchCells, in, out});
  for (int64_t first = 0; first < grid.count(); first += size) {
    const int64_t count = std::min(size, grid.count() - first);
    TransformPatches(kernels, grid, x, first, count, patches);
    ParallelFor(count, kTransformGrain, [&](int64_t begin, int64_t end) {
      std::array<const float*, kTileCells> tile;
      for (int64_t i = begin; i < end; ++i) {
        result_grid.Locate<const float>(first + i, /*margin=*/0, kTileSide, gradient.data_ptr<float>(),
                                        zeros.data_ptr<float>(), tile.data());
        kernels.transform_tile(tile.data(), out, tiles.tile(i), tiles.stride());
      }
    });
    MultiplyPoints(kernels, out, [&](int64_t point) {
      return ProductArguments{.rows = in,
                              .depth = count,
                              .left = patches.point(point),
                              .left_row = 1,
                              .left_depth = in,
                              .right = tiles.point(point),
                              .right_panel = kProductColumns,
                              .right_depth = out,
                              .target = products.data_ptr<float>() + point * in * out,
                              .target_row = out,
                              .accumulate = first > 0};
    });
  }
  return KernelTransform2d()
      .t()
      .mm(products.view({kPatchCells, in * out}))
      .view({3, 3, in, out})
      .permute({3, 2, 0, 1});
}

// The weight of the backward convolution: rotated by 180 degrees, with input and output channels swapped.
torch::Tensor Transposed(const torch::Tensor& weight) { return weight.flip({2, 3}).transpose(0, 1); }

class ConvFunction : public torch::autograd::Function<ConvFunction> {
 public:
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& weight, const torch::Tensor& bias) {
    context->save_for_backward({x, weight});
    return Convolve(x, TransformWeight(weight), bias, {}, /*relu=*/false);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const torch::Tensor &x = saved[0], &weight = saved[1];
    const torch::Tensor gradient = gradients[0].contiguous(kChannelsLast);
    torch::Tensor x_gradient, weight_gradient, bias_gradient;
    if (context->needs_input_grad(0)) {
      x_gradient = Convolve(gradient, TransformWeight(Transposed(weight)), torch::zeros({weight.size(1)}), {},
                            /*relu=*/false);
    }
    if (context->needs_input_grad(1)) weight_gradient = WeightGradient(x.contiguous(kChannelsLast), gradient);
    if (context->needs_input_grad(2)) bias_gradient = gradient.sum({0, 2, 3});
    return {x_gradient, weight_gradient, bias_gradient};
  }
};

}  // namespace

bool WinogradTakes(const torch::Tensor& x, const torch::Tensor& weight, int64_t stride) {
  const bool shaped = weight.size(2) == 3 && weight.size(3) == 3 && stride == 1 &&
                      weight.size(0) % kProductColumns == 0 && weight.size(1) % kProductColumns == 0 &&
                      x.size(1) == weight.size(1);
  return shaped && x.is_cpu() && x.scalar_type() == torch::kFloat32 && TileGrid(x).per_image() >= kMinTiles &&
         !UsableWinogradKernels().empty();
}

PreparedWinograd::PreparedWinograd(const torch::Tensor& weight, const torch::Tensor& bias,
                                   Activation activation)
    : transformed_(TransformWeight(weight)),
      bias_(bias.contiguous()),
      relu_(activation == Activation::kRelu) {
  TORCH_CHECK(relu_ || activation == Activation::kNone, "no such activation behind Winograd's convolution");
}

torch::Tensor PreparedWinograd::Forward(const torch::Tensor& x, const torch::Tensor& residual) const {
  return Convolve(x, transformed_, bias_, residual, relu_);
}

torch::Tensor WinogradConv(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  // autograd functions don't accept undefined tensors.
  return ConvFunction::apply(x, weight, bias.defined() ? bias : torch::zeros({weight.size(0)}));
}

}  // namespace loupe::detection
