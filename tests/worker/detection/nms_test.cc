#include "worker/detection/nms.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/worker/detection/torchvision.h"

namespace loupe::detection {
namespace {

TEST(NmsTest, KeepsTheBestOfOverlappingBoxes) {
  const auto boxes = torch::tensor({{0.f, 0.f, 10.f, 10.f}, {1.f, 0.f, 11.f, 10.f}, {50.f, 0.f, 60.f, 10.f}});
  const auto scores = torch::tensor({0.5f, 0.9f, 0.1f});
  EXPECT_TRUE(torch::equal(Nms(boxes, scores, 0.5), torch::tensor({1, 2}, torch::kInt64)));
}

TEST(NmsTest, AnIouEqualToTheThresholdIsKept) {
  // IoU exactly 0.5.
  const auto boxes = torch::tensor({{0.f, 0.f, 10.f, 10.f}, {0.f, 0.f, 10.f, 5.f}});
  EXPECT_EQ(Nms(boxes, torch::tensor({0.9f, 0.8f}), 0.5).size(0), 2);
  EXPECT_EQ(Nms(boxes, torch::tensor({0.9f, 0.8f}), 0.49).size(0), 1);
}

TEST(NmsTest, NothingInNothingOut) {
  EXPECT_EQ(Nms(torch::empty({0, 4}), torch::empty({0}), 0.5).size(0), 0);
  EXPECT_EQ(
      GroupedNms(torch::empty({0, 4}), torch::empty({0}), torch::empty({0}, torch::kInt64), 0.5).size(0), 0);
}

TEST(NmsTest, GroupsDontSuppressEachOther) {
  const auto boxes = torch::tensor({{0.f, 0.f, 10.f, 10.f}, {0.f, 0.f, 10.f, 10.f}, {0.f, 0.f, 10.f, 10.f}});
  const auto groups = torch::tensor({0, 1, 1}, torch::kInt64);
  const auto kept = GroupedNms(boxes, torch::tensor({0.1f, 0.2f, 0.3f}), groups, 0.5);
  EXPECT_TRUE(torch::equal(kept, torch::tensor({2, 0}, torch::kInt64)));
}

class NmsGoldenTest : public testing::TestWithParam<const char*> {};

TEST_P(NmsGoldenTest, KernelAndTwinKeepWhatTorchvisionKeeps) {
  const auto golden = WithPrefix(TorchvisionOps(), std::string("nms.") + GetParam() + ".");
  const auto boxes = golden.at("boxes"), scores = golden.at("scores");
  const auto kept = Nms(boxes, scores, 0.5);
  EXPECT_TRUE(torch::equal(kept, golden.at("kept")));
  EXPECT_TRUE(torch::equal(NmsReference(boxes, scores, 0.5), golden.at("kept")));
  EXPECT_TRUE(torch::equal(GroupedNms(boxes, scores, golden.at("groups"), 0.5), golden.at("grouped")));
  const auto again = Nms(boxes.index_select(0, kept), scores.index_select(0, kept), 0.5);
  EXPECT_EQ(again.size(0), kept.size(0)) << "suppressing twice changed something";
}

INSTANTIATE_TEST_SUITE_P(Sizes, NmsGoldenTest, testing::Values("few", "many"));

}  // namespace
}  // namespace loupe::detection
