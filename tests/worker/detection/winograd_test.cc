// Winograd's convolution against LibTorch's in float64.
#include "worker/detection/winograd.h"

#include <gtest/gtest.h>
#include <torch/autograd.h>

#include <tuple>
#include <vector>

#include "worker/detection/winograd_kernel.h"

namespace loupe::detection {
namespace {

constexpr auto kChannelsLast = torch::MemoryFormat::ChannelsLast;
constexpr double kTolerance = 5e-6;  // of the norm; a plain float32 convolution is off by 1e-6

double Distance(const torch::Tensor& ours, const torch::Tensor& reference) {
  return ((ours.to(torch::kFloat64) - reference).norm() / reference.norm()).item<double>();
}

torch::Tensor Map(const std::vector<int64_t>& shape) { return torch::randn(shape).contiguous(kChannelsLast); }

// Images, channels in and out, height, width: sides that tiles fill and don't fill, maps smaller than a tile.
class WinogradTest : public testing::TestWithParam<std::tuple<int, int, int, int, int>> {
 protected:
  void SetUp() override {
    torch::manual_seed(3);
    const auto [images, in, out, height, width] = GetParam();
    x_ = Map({images, in, height, width});
    weight_ = Map({out, in, 3, 3}) / in;
    bias_ = torch::randn({out});
    residual_ = Map({images, out, height, width});
  }
  torch::Tensor Reference() const {
    return torch::conv2d(x_.to(torch::kFloat64), weight_.to(torch::kFloat64), bias_.to(torch::kFloat64), 1,
                         1);
  }

  torch::Tensor x_, weight_, bias_, residual_;
};

TEST_P(WinogradTest, ConvolvesAsLibTorch) {
  const PreparedWinograd plain(weight_, bias_, Activation::kNone);
  EXPECT_LT(Distance(plain.Forward(x_, {}), Reference()), kTolerance);
}

TEST_P(WinogradTest, AddsTheResidualBeforeTheActivation) {
  const auto expected = (Reference() + residual_).relu();
  const PreparedWinograd prepared(weight_, bias_, Activation::kRelu);
  const auto y = prepared.Forward(x_, residual_);
  EXPECT_LT(Distance(y, expected), kTolerance);
  EXPECT_EQ(y.data_ptr(), residual_.data_ptr());
}

TEST_P(WinogradTest, GradientsAreLibTorchs) {
  const auto gradient = torch::randn_like(residual_);
  std::vector<torch::Tensor> inputs = {x_.requires_grad_(), weight_.requires_grad_(), bias_.requires_grad_()};
  const auto ours = torch::autograd::grad({WinogradConv(x_, weight_, bias_)}, inputs, {gradient});
  const auto expected = torch::autograd::grad({Reference()}, inputs, {gradient.to(torch::kFloat64)});
  for (size_t i = 0; i < inputs.size(); ++i) {
    EXPECT_LT(Distance(ours[i], expected[i].to(torch::kFloat64)), kTolerance) << "input " << i;
  }
}

TEST_P(WinogradTest, NeedsNoBias) {
  const auto expected = torch::conv2d(x_.to(torch::kFloat64), weight_.to(torch::kFloat64), {}, 1, 1);
  const auto y = WinogradConv(x_, weight_.requires_grad_(), {});
  EXPECT_LT(Distance(y.detach(), expected.detach()), kTolerance);
  y.sum().backward();
  EXPECT_TRUE(weight_.grad().defined());
}

INSTANTIATE_TEST_SUITE_P(Shapes, WinogradTest,
                         testing::Values(std::tuple(1, 32, 32, 4, 4), std::tuple(1, 32, 64, 1, 1),
                                         std::tuple(2, 64, 32, 1, 9), std::tuple(3, 64, 96, 13, 7),
                                         std::tuple(1, 256, 256, 30, 33), std::tuple(2, 32, 32, 160, 96)));

TEST(WinogradTakesTest, Only3x3OfStride1WithChannelsInPanels) {
  ASSERT_FALSE(UsableWinogradKernels().empty()) << "this processor has neither AVX2 nor AVX-512";
  const auto x = Map({1, 64, 48, 48});
  EXPECT_TRUE(WinogradTakes(x, Map({32, 64, 3, 3}), 1));
  EXPECT_FALSE(WinogradTakes(x, Map({32, 64, 3, 3}), 2));
  EXPECT_FALSE(WinogradTakes(x, Map({32, 64, 1, 1}), 1));
  EXPECT_FALSE(WinogradTakes(x, Map({33, 64, 3, 3}), 1));
  EXPECT_FALSE(WinogradTakes(x, Map({32, 1, 3, 3}), 1)) << "a depthwise convolution";
  EXPECT_FALSE(WinogradTakes(x.to(torch::kBFloat16), Map({32, 64, 3, 3}), 1));
  EXPECT_FALSE(WinogradTakes(Map({1, 64, 4, 4}), Map({32, 64, 3, 3}), 1)) << "too small to be worth it";
}

// Each kind of processor's kernels, as far as this one runs them: x * w at one output cell by hand-worked
// transforms.
TEST(WinogradKernelTest, EveryKindMultipliesAlike) {
  constexpr int64_t kRows = 16, kDepth = 5;
  const auto left = torch::randn({kRows, kDepth}), right = torch::randn({kDepth, kProductColumns});
  const auto expected = left.to(torch::kFloat64).mm(right.to(torch::kFloat64));
  for (const WinogradKernels* kernels : UsableWinogradKernels()) {
    const auto target = torch::full({kRows, kProductColumns}, 1.0F);
    ProductArguments product{.rows = kRows,
                             .columns = kProductColumns,
                             .depth = kDepth,
                             .left = left.data_ptr<float>(),
                             .left_row = kDepth,
                             .left_depth = 1,
                             .right = right.data_ptr<float>(),
                             .right_panel = kProductColumns,
                             .right_depth = kProductColumns,
                             .target = target.data_ptr<float>(),
                             .target_row = kProductColumns};
    kernels->multiply(product);
    EXPECT_LT(Distance(target, expected), 1e-6);
    product.accumulate = true;
    kernels->multiply(product);
    EXPECT_LT(Distance(target, 2 * expected), 1e-6);
  }
}

TEST(WinogradKernelTest, EveryKindTransformsAlike) {
  constexpr int64_t kChannels = 16;
  const auto patch = torch::randn({kPatchCells, kChannels}), tile = torch::randn({kTileCells, kChannels});
  const auto bias = torch::randn({kChannels});
  std::vector<const float*> patch_cells, tile_cells;
  for (int64_t i = 0; i < kPatchCells; ++i) patch_cells.push_back(patch[i].data_ptr<float>());
  for (int64_t i = 0; i < kTileCells; ++i) tile_cells.push_back(tile[i].data_ptr<float>());
  std::vector<std::vector<torch::Tensor>> answers;
  for (const WinogradKernels* kernels : UsableWinogradKernels()) {
    const auto from_patch = torch::empty({kPatchCells, kChannels}), from_tile = torch::empty_like(from_patch);
    kernels->transform_patch(patch_cells.data(), kChannels, from_patch.data_ptr<float>(), kChannels);
    kernels->transform_tile(tile_cells.data(), kChannels, from_tile.data_ptr<float>(), kChannels);
    const auto back = torch::ones({kTileCells, kChannels});
    std::vector<float*> back_cells;
    for (int64_t i = 0; i < kTileCells; ++i) back_cells.push_back(back[i].data_ptr<float>());
    kernels->transform_back(patch.data_ptr<float>(), kChannels, {bias.data_ptr<float>(), true, true},
                            kChannels, back_cells.data());
    EXPECT_GE(back.min().item<float>(), 0);
    answers.push_back({from_patch, from_tile, back});
  }
  for (const auto& answer : answers) {
    for (size_t i = 0; i < answer.size(); ++i)
      EXPECT_TRUE(torch::allclose(answer[i], answers[0][i], 1e-5, 1e-5));
  }
}

}  // namespace
}  // namespace loupe::detection
