#include "worker/detection/roi_align.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "recipe/presets.h"
#include "tests/worker/detection/torchvision.h"

namespace loupe::detection {
namespace {

const std::vector<int64_t> kStrides = {4, 8, 16};

v1::Detector LevelRule() { return PresetDetector("resnet50-fpn").value(); }

// The golden input: three levels of two images of 192 x 128 px, with boxes of all sizes, some over the
// border.
struct Golden {
  std::vector<torch::Tensor> features;
  Rois rois;
  TensorMap all = WithPrefix(TorchvisionOps(), "roi_align.");

  Golden() {
    for (int level = 0; level < 3; ++level) {
      features.push_back(all.at("features." + std::to_string(level)).clone().requires_grad_());
    }
    const auto first = all.at("boxes.0"), second = all.at("boxes.1");
    rois.boxes = torch::cat({first, second});
    rois.images = torch::cat(
        {torch::zeros({first.size(0)}, torch::kInt64), torch::ones({second.size(0)}, torch::kInt64)});
    rois.levels = PyramidLevels(rois.boxes, kStrides, LevelRule());
  }
};

void ExpectClose(const torch::Tensor& actual, const torch::Tensor& expected, double tolerance) {
  ASSERT_EQ(actual.sizes(), expected.sizes());
  EXPECT_LE((actual - expected).abs().max().item<double>(), tolerance);
}

TEST(RoiAlignTest, OfAPlaneIsThePlane) {
  // Features that grow by 1 a column: a bin's value is the mean x of its points, which is its centre.
  const auto map = torch::arange(16, torch::kFloat32).expand({1, 1, 16, 16}).contiguous();
  const Rois rois{torch::tensor({{2.f, 3.f, 9.f, 10.f}}), torch::zeros({1}, torch::kInt64),
                  torch::zeros({1}, torch::kInt64)};
  const auto pooled = MultiScaleRoiAlign({map}, {1}, rois, {/*output_size=*/7, /*sampling_ratio=*/2});
  EXPECT_TRUE(torch::allclose(pooled[0][0][3], torch::tensor({2.5f, 3.5f, 4.5f, 5.5f, 6.5f, 7.5f, 8.5f})));
}

TEST(RoiAlignTest, PointsFarOutsideCountAsZero) {
  const auto map = torch::ones({1, 1, 4, 4});
  const Rois rois{torch::tensor({{-20.f, -20.f, -10.f, -10.f}}), torch::zeros({1}, torch::kInt64),
                  torch::zeros({1}, torch::kInt64)};
  EXPECT_EQ(MultiScaleRoiAlign({map}, {1}, rois, {2, 2}).abs().sum().item<float>(), 0);
}

TEST(RoiAlignTest, LevelsFollowTheSizeOfTheBox) {
  const auto boxes = torch::tensor(
      {{0.f, 0.f, 10.f, 10.f}, {0.f, 0.f, 112.f, 112.f}, {0.f, 0.f, 224.f, 224.f}, {0.f, 0.f, 900.f, 900.f}});
  EXPECT_TRUE(
      torch::equal(PyramidLevels(boxes, kStrides, LevelRule()), torch::tensor({0, 1, 2, 2}, torch::kInt64)));
}

TEST(RoiAlignTest, NoBoxesGiveAnEmptyResult) {
  const Rois none{torch::empty({0, 4}), torch::empty({0}, torch::kInt64), torch::empty({0}, torch::kInt64)};
  const auto pooled = MultiScaleRoiAlign({torch::rand({1, 8, 4, 4})}, {4}, none, {7, 2});
  EXPECT_EQ(pooled.sizes(), torch::IntArrayRef({0, 8, 7, 7}));
}

TEST(RoiAlignTest, KernelIsTorchvisions) {
  Golden golden;
  auto pooled = MultiScaleRoiAlign(golden.features, kStrides, golden.rois, {7, 2});
  ExpectClose(pooled, golden.all.at("pooled"), 1e-5);
  pooled.backward(golden.all.at("upstream"));
  for (int level = 0; level < 3; ++level) {
    SCOPED_TRACE(level);
    ExpectClose(golden.features[level].grad(), golden.all.at("gradients." + std::to_string(level)), 1e-4);
  }
}

TEST(RoiAlignTest, TwinIsTorchvisions) {
  Golden golden;
  auto pooled = RoiAlignReference(golden.features, kStrides, golden.rois, {7, 2});
  ExpectClose(pooled, golden.all.at("pooled"), 1e-5);
  pooled.backward(golden.all.at("upstream"));
  for (int level = 0; level < 3; ++level) {
    SCOPED_TRACE(level);
    ExpectClose(golden.features[level].grad(), golden.all.at("gradients." + std::to_string(level)), 1e-4);
  }
}

// On one level, with as many points as a bin has cells; some boxes are narrower than a cell, or far outside.
TEST(RoiAlignTest, PointsByTheBinAreTorchvisions) {
  for (const auto& [name, aligned] : {std::pair{"aligned.", true}, std::pair{"adaptive.", false}}) {
    for (const auto& pool : {MultiScaleRoiAlign, RoiAlignReference}) {
      SCOPED_TRACE(name);
      Golden golden;
      golden.rois.levels.zero_();
      const auto pooled = pool({golden.features[0]}, {kStrides[0]}, golden.rois, {7, 0, aligned});
      const TensorMap expected = WithPrefix(golden.all, name);
      ExpectClose(pooled, expected.at("pooled"), 1e-5);
      pooled.backward(golden.all.at("upstream"));
      ExpectClose(golden.features[0].grad(), expected.at("gradient"), 1e-4);
    }
  }
}

TEST(RoiAlignTest, AnEpsilonBeforeTheLogarithmMovesTheBorder) {
  v1::Detector rule = LevelRule();
  // Half of a millionth below 224 px.
  const auto below = torch::tensor({{0.f, 0.f, 223.99989f, 224.f}});
  EXPECT_EQ(PyramidLevels(below, kStrides, rule).item<int64_t>(), 2);
  rule.set_roi_level_size_epsilon(1e-8);
  rule.set_roi_level_epsilon(0);
  EXPECT_EQ(PyramidLevels(below, kStrides, rule).item<int64_t>(), 1);
}

// The twin in float64 against finite differences; the kernel against the twin.
TEST(RoiAlignTest, GradientsAreThoseOfFiniteDifferences) {
  torch::manual_seed(5);
  const Rois rois{torch::tensor({{1.3f, 0.7f, 9.1f, 12.9f}, {-3.f, 4.f, 30.f, 11.f}}),
                  torch::zeros({2}, torch::kInt64), torch::zeros({2}, torch::kInt64)};
  const RoiAlignOptions options{3, 2};
  const auto map = torch::randn({1, 2, 5, 6}, torch::kFloat64).requires_grad_();
  const auto upstream = torch::randn({2, 2, 3, 3}, torch::kFloat64);
  const auto value = [&](const torch::Tensor& features) {
    return (RoiAlignReference({features}, {4}, rois, options) * upstream).sum();
  };
  value(map).backward();
  const auto flat = map.detach().flatten();
  for (int64_t i = 0; i < flat.size(0); ++i) {
    const double step = 1e-4;
    auto up = flat.clone(), down = flat.clone();
    up[i] += step;
    down[i] -= step;
    const double slope = (value(up.view_as(map)) - value(down.view_as(map))).item<double>() / (2 * step);
    EXPECT_NEAR(map.grad().flatten()[i].item<double>(), slope, 1e-6);
  }
  auto kernel_map = map.detach().to(torch::kFloat32).requires_grad_();
  (MultiScaleRoiAlign({kernel_map}, {4}, rois, options) * upstream.to(torch::kFloat32)).sum().backward();
  ExpectClose(kernel_map.grad(), map.grad().to(torch::kFloat32), 1e-5);
}

TEST(RoiAlignTest, ThreadsDontChangeABit) {
  const int threads_before = torch::get_num_threads();
  std::vector<torch::Tensor> results;
  for (const int threads : {1, 2, 3}) {
    torch::set_num_threads(threads);
    Golden golden;
    auto pooled = MultiScaleRoiAlign(golden.features, kStrides, golden.rois, {7, 2});
    pooled.backward(golden.all.at("upstream"));
    results.push_back(torch::cat({pooled.detach().flatten(), golden.features[0].grad().flatten()}));
  }
  torch::set_num_threads(threads_before);  // other tests share the process
  EXPECT_TRUE(torch::equal(results[0], results[1]));
  EXPECT_TRUE(torch::equal(results[0], results[2]));
}

}  // namespace
}  // namespace loupe::detection
