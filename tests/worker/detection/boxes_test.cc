#include "worker/detection/boxes.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "worker/detection/box_coder.h"

namespace loupe::detection {
namespace {

TEST(BoxesTest, IouByHand) {
  const auto first = torch::tensor({{0.f, 0.f, 10.f, 10.f}});
  const auto second =
      torch::tensor({{0.f, 0.f, 10.f, 10.f}, {5.f, 0.f, 15.f, 10.f}, {10.f, 0.f, 20.f, 10.f}});
  EXPECT_TRUE(torch::allclose(BoxIou(first, second), torch::tensor({{1.f, 50.f / 150.f, 0.f}})));
}

TEST(BoxesTest, IouIsSymmetricAndWithinZeroAndOne) {
  torch::manual_seed(3);
  const auto low = torch::rand({50, 2}) * 100;
  const auto boxes = torch::cat({low, low + torch::rand({50, 2}) * 60 + 0.1}, 1);
  const auto iou = BoxIou(boxes, boxes);
  EXPECT_TRUE(torch::allclose(iou, iou.t()));
  EXPECT_GE(iou.min().item<float>(), 0);
  EXPECT_LE(iou.max().item<float>(), 1 + 1e-6);
  EXPECT_TRUE(torch::allclose(iou.diagonal(), torch::ones({50})));
}

TEST(BoxesTest, CoverageIsTheShareOfTheBox) {
  const auto boxes = torch::tensor({{0.f, 0.f, 10.f, 10.f}, {50.f, 50.f, 60.f, 60.f}});
  const auto regions = torch::tensor({{0.f, 0.f, 5.f, 10.f}, {2.f, 0.f, 100.f, 5.f}});
  EXPECT_TRUE(torch::allclose(LargestCoverage(boxes, regions), torch::tensor({0.5f, 0.f})));
  EXPECT_TRUE(torch::allclose(LargestCoverage(boxes, torch::empty({0, 4})), torch::zeros({2})));
}

TEST(BoxesTest, ClipsToTheImage) {
  const auto clipped = ClipBoxes(torch::tensor({{-3.f, 2.f, 25.f, 50.f}}), {/*height=*/40, /*width=*/20});
  EXPECT_TRUE(torch::equal(clipped, torch::tensor({{0.f, 2.f, 20.f, 40.f}})));
}

TEST(BoxesTest, ScalesEachAxisByItself) {
  const auto scaled =
      ScaleBoxes(torch::tensor({{1.f, 2.f, 3.f, 4.f}}), {/*height=*/10, /*width=*/10}, {20, 30});
  EXPECT_TRUE(torch::allclose(scaled, torch::tensor({{3.f, 4.f, 9.f, 8.f}})));
}

TEST(BoxesTest, SmallBoxesHaveEitherSideTooShort) {
  const auto boxes = torch::tensor({{0.f, 0.f, 2.f, 2.f}, {0.f, 0.f, 1.f, 5.f}, {0.f, 0.f, 5.f, 1.f}});
  EXPECT_TRUE(torch::equal(LargeEnough(boxes, 2), torch::tensor({true, false, false})));
}

TEST(BoxCoderTest, EncodesByHand) {
  // The anchor is 10 x 20 around (5, 10); the box 20 x 20 around (15, 20).
  const auto anchor = torch::tensor({{0.f, 0.f, 10.f, 20.f}});
  const auto box = torch::tensor({{5.f, 10.f, 25.f, 30.f}});
  const auto deltas = BoxCoder({10, 10, 5, 5}).Encode(box, anchor);
  EXPECT_TRUE(torch::allclose(deltas, torch::tensor({{10.f, 5.f, 5.f * std::log(2.f), 0.f}})));
}

TEST(BoxCoderTest, DecodingUndoesEncoding) {
  const auto anchors = torch::tensor({{0.f, 0.f, 10.f, 20.f}, {30.f, 5.f, 60.f, 9.f}});
  const auto boxes = torch::tensor({{5.f, 10.f, 25.f, 30.f}, {20.f, 1.f, 70.f, 15.f}});
  const BoxCoder coder({10, 10, 5, 5});
  const auto decoded = coder.Decode(coder.Encode(boxes, anchors), anchors);
  EXPECT_TRUE(torch::allclose(decoded.squeeze(1), boxes, 1e-5, 1e-4));
}

TEST(BoxCoderTest, GrowthIsClamped) {
  const auto anchor = torch::tensor({{0.f, 0.f, 16.f, 16.f}});
  const auto box = BoxCoder({1, 1, 1, 1}).Decode(torch::tensor({{0.f, 0.f, 100.f, 0.f}}), anchor);
  EXPECT_NEAR((box[0][0][2] - box[0][0][0]).item<float>(), 1000, 0.01);
}

}  // namespace
}  // namespace loupe::detection
