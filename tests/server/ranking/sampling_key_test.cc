#include "server/ranking/sampling_key.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace loupe::ranking {
namespace {

TEST(SamplingKeyTest, IsTheDocumentedHash) {
  // printf 'image\x07\0\0\0\0\0\0\0' and the 32 bytes of sha256("picture"), through sha256sum; its first 16
  // digits as an integer, shifted right by 11 and divided by 2^53.
  EXPECT_DOUBLE_EQ(SamplingKey(7, HashOf("picture")), 0.6966756839664578);
  EXPECT_DOUBLE_EQ(GroupSamplingKey(7, "part 12"), 0.43118795149691014);
}

TEST(SamplingKeyTest, SeedAndContentDecide) {
  EXPECT_EQ(SamplingKey(1, HashOf("a")), SamplingKey(1, HashOf("a")));
  EXPECT_NE(SamplingKey(1, HashOf("a")), SamplingKey(2, HashOf("a")));
  EXPECT_NE(SamplingKey(1, HashOf("a")), SamplingKey(1, HashOf("b")));
}

TEST(SamplingKeyTest, IsUniform) {
  constexpr int kCount = 4000;
  std::vector<double> keys;
  for (int i = 0; i < kCount; ++i) keys.push_back(SamplingKey(42, HashOf(std::to_string(i))));
  std::sort(keys.begin(), keys.end());
  EXPECT_GE(keys.front(), 0);
  EXPECT_LT(keys.back(), 1);
  double distance = 0;  // Kolmogorov and Smirnov
  for (int i = 0; i < kCount; ++i) {
    distance =
        std::max({distance, std::abs(keys[i] - i * 1.0 / kCount), std::abs(keys[i] - (i + 1.0) / kCount)});
  }
  EXPECT_LT(distance, 1.95 / std::sqrt(kCount)) << "passed by 999 of 1,000 uniform samples";
}

TEST(SideOfTest, TheHoldoutHasItsShareAndFractionsNest) {
  int holdout = 0;
  for (int i = 0; i < 4000; ++i) {
    const Sha256 content = HashOf(std::to_string(i));
    const bool small = SideOf(3, content, "", 0.15) == Side::kHoldout;
    holdout += small ? 1 : 0;
    EXPECT_EQ(small, SamplingKey(3, content) < 0.15);
    if (small) {
      EXPECT_EQ(SideOf(3, content, "", 0.3), Side::kHoldout);
    }
    EXPECT_EQ(SideOf(3, content, "", 0), Side::kPool);
    EXPECT_EQ(SideOf(3, content, "", 1), Side::kHoldout);
  }
  EXPECT_NEAR(holdout / 4000.0, 0.15, 4 * std::sqrt(0.15 * 0.85 / 4000));
}

TEST(SideOfTest, AGroupSharesItsSide) {
  int holdout = 0;
  for (int group = 0; group < 400; ++group) {
    const std::string name = "part " + std::to_string(group);
    const Side side = SideOf(3, HashOf("0"), name, 0.15);
    holdout += side == Side::kHoldout ? 1 : 0;
    for (int i = 1; i < 5; ++i) EXPECT_EQ(SideOf(3, HashOf(std::to_string(i)), name, 0.15), side);
  }
  EXPECT_NEAR(holdout / 400.0, 0.15, 4 * std::sqrt(0.15 * 0.85 / 400));
}

}  // namespace
}  // namespace loupe::ranking
