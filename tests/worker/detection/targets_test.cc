// What becomes a training target: anchors, matching, sampling.

#include <gtest/gtest.h>
#include <torch/types.h>

#include "tests/worker/detection/torchvision.h"
#include "worker/detection/anchors.h"
#include "worker/detection/matcher.h"
#include "worker/detection/sampler.h"

namespace loupe::detection {
namespace {

// One size per level.
AnchorGenerator GeneratorOf(const std::vector<float>& sizes, const std::vector<float>& ratios) {
  v1::Detector detector;
  for (const float size : sizes) detector.add_anchor_levels()->add_sizes(size);
  for (const float ratio : ratios) detector.add_anchor_ratios(ratio);
  detector.set_anchors_rounded(true);
  return AnchorGenerator(detector);
}

TEST(AnchorsTest, AreTorchvisions) {
  AnchorGenerator generator = GeneratorOf({16, 32, 64}, {0.5f, 1.0f, 2.0f});
  const auto anchors =
      generator.Generate({{25, 40}, {13, 20}, {7, 10}}, {/*height=*/100, /*width=*/160}, torch::kCPU);
  EXPECT_TRUE(torch::equal(torch::cat(anchors), TorchvisionOps().at("anchors")));
}

TEST(AnchorsTest, WithStridesOfTheirOwnAreDetectron2s) {
  v1::Detector detector;
  detector.add_anchor_levels()->add_sizes(32);
  detector.add_anchor_ratios(0.5f);
  detector.add_anchor_strides(64);
  detector.set_anchor_offset(0.5f);
  // 7 cells where torchvision's stride would be 416 / 7 = 59. The side 32 is 45.2548 by 22.6274 there.
  const auto anchors = AnchorGenerator(detector).Generate({{1, 7}}, {64, 416}, torch::kCPU)[0];
  const auto last = torch::tensor({-22.62742f + 416, -11.31371f + 32, 22.62742f + 416, 11.31371f + 32});
  EXPECT_TRUE(torch::allclose(anchors[6], last, 0, 1e-4)) << anchors[6];
}

TEST(AnchorsTest, FollowAChangeOfSize) {
  AnchorGenerator generator = GeneratorOf({16}, {1.0f});
  EXPECT_EQ(generator.Generate({{2, 2}}, {8, 8}, torch::kCPU)[0].size(0), 4);
  const auto anchors = generator.Generate({{1, 3}}, {4, 12}, torch::kCPU)[0];
  EXPECT_TRUE(torch::equal(
      anchors, torch::tensor({{-8.f, -8.f, 8.f, 8.f}, {-4.f, -8.f, 12.f, 8.f}, {0.f, -8.f, 16.f, 8.f}})));
}

TEST(MatcherTest, ByHand) {
  const auto truth = torch::tensor({{0.f, 0.f, 10.f, 10.f}, {100.f, 0.f, 110.f, 10.f}});
  // IoU with the nearest truth: 1, 0.6, 0.4, 0.1, and 0.2 as the best there is for the second truth.
  const auto candidates = torch::tensor({{0.f, 0.f, 10.f, 10.f},
                                         {0.f, 0.f, 10.f, 6.f},
                                         {0.f, 0.f, 10.f, 4.f},
                                         {0.f, 0.f, 10.f, 1.f},
                                         {100.f, 0.f, 110.f, 2.f}});
  const MatchOptions strict{0.7, 0.3, false}, generous{0.7, 0.3, true};
  const auto expected = torch::tensor({0L, kBetween, kBetween, kBackground, kBackground}, torch::kInt64);
  EXPECT_TRUE(torch::equal(Match(truth, candidates, strict), expected));
  auto with_best = expected.clone();
  with_best[4] = 1;
  EXPECT_TRUE(torch::equal(Match(truth, candidates, generous), with_best));
}

TEST(MatcherTest, WithoutTruthAllIsBackground) {
  const auto candidates = torch::rand({5, 4});
  for (const bool keep_best : {false, true}) {
    const MatchOptions options{0.5, 0.5, keep_best};
    EXPECT_TRUE(Match(torch::empty({0, 4}), candidates, options).eq(kBackground).all().item<bool>());
    EXPECT_TRUE(MatchReference(torch::empty({0, 4}), candidates, options).eq(kBackground).all().item<bool>());
  }
}

TEST(MatcherTest, KernelIsItsTwin) {
  torch::manual_seed(9);
  const auto boxes = [](int64_t count) {
    const auto low = torch::floor(torch::rand({count, 2}) * 60);  // whole numbers, so that IoUs tie
    return torch::cat({low, low + torch::floor(torch::rand({count, 2}) * 30) + 1}, 1);
  };
  const auto truth = boxes(20), candidates = boxes(3000);
  for (const bool keep_best : {false, true}) {
    const MatchOptions options{0.6, 0.3, keep_best};
    EXPECT_TRUE(torch::equal(Match(truth, candidates, options), MatchReference(truth, candidates, options)));
  }
}

TEST(MatcherTest, RegionsTakeOnlyBackgroundOut) {
  auto matches = torch::tensor({0L, kBackground, kBackground, kBetween}, torch::kInt64);
  const auto candidates = torch::tensor(
      {{0.f, 0.f, 10.f, 10.f}, {0.f, 0.f, 10.f, 10.f}, {8.f, 0.f, 18.f, 10.f}, {0.f, 0.f, 1.f, 1.f}});
  IgnoreRegions(torch::tensor({{0.f, 0.f, 10.f, 10.f}}), candidates, 0.5, matches);
  EXPECT_TRUE(torch::equal(matches, torch::tensor({0L, kBetween, kBackground, kBetween}, torch::kInt64)));
  IgnoreRegions({}, candidates, 0.5, matches);  // no regions at all
}

TEST(SamplerTest, TakesTheShareThatIsAsked) {
  auto matches = torch::full({1000}, kBackground, torch::kInt64);
  matches.slice(0, 0, 300).fill_(2);
  matches.slice(0, 300, 400).fill_(kBetween);
  const Sample sample = SampleBalanced(matches, 128, 0.25, 1);
  EXPECT_EQ(sample.positives.size(0), 32);
  EXPECT_EQ(sample.negatives.size(0), 96);
  EXPECT_TRUE(matches.index_select(0, sample.positives).ge(0).all().item<bool>());
  EXPECT_TRUE(matches.index_select(0, sample.negatives).eq(kBackground).all().item<bool>());
  EXPECT_EQ(std::get<0>(at::_unique(sample.negatives)).size(0), 96) << "an entry was drawn twice";
}

TEST(SamplerTest, NegativesFillUpForMissingPositives) {
  auto matches = torch::full({50}, kBackground, torch::kInt64);
  matches[7] = 0;
  const Sample sample = SampleBalanced(matches, 20, 0.5, 1);
  EXPECT_TRUE(torch::equal(sample.positives, torch::tensor({7}, torch::kInt64)));
  EXPECT_EQ(sample.negatives.size(0), 19);
}

TEST(SamplerTest, FollowsTheSeedAndIsFair) {
  const auto matches = torch::full({40}, kBackground, torch::kInt64);
  const auto draw = [&](uint64_t seed) { return SampleBalanced(matches, 10, 0.5, seed).negatives; };
  EXPECT_TRUE(torch::equal(draw(4), draw(4)));
  EXPECT_FALSE(torch::equal(draw(4), draw(5)));
  auto counts = torch::zeros({40});
  constexpr int kDraws = 2000;
  for (int i = 0; i < kDraws; ++i) counts.index_add_(0, draw(static_cast<uint64_t>(i)), torch::ones({10}));
  // Each is drawn 500 times on average, with a standard deviation of 19.
  EXPECT_GT(counts.min().item<float>(), 400);
  EXPECT_LT(counts.max().item<float>(), 600);
}

}  // namespace
}  // namespace loupe::detection
