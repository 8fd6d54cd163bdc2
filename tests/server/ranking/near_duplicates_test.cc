#include "server/ranking/near_duplicates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>

#include "evaluation/seeded_random.h"

namespace loupe::ranking {
namespace {

using evaluation::SeededRandom;
using testing::HasSubstr;

NearDuplicates Near(const std::vector<uint64_t>& a, const std::vector<uint64_t>& b,
                    const NearDuplicateOptions& options) {
  const auto result = NearDuplicatePairs(a, b, options);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.value_or(NearDuplicates{});
}

using PairRows = std::vector<std::array<size_t, 3>>;  // a, b, bits

PairRows RowsOf(const NearDuplicates& found) {
  PairRows rows;
  for (const HashPair& pair : found.pairs) rows.push_back({pair.a, pair.b, static_cast<size_t>(pair.bits)});
  return rows;
}

PairRows AllPairs(const std::vector<uint64_t>& a, const std::vector<uint64_t>& b, int max_bits) {
  PairRows rows;
  for (size_t i = 0; i < a.size(); ++i) {
    for (size_t j = 0; j < b.size(); ++j) {
      const int bits = std::popcount(a[i] ^ b[j]);
      if (bits <= max_bits) rows.push_back({i, j, static_cast<size_t>(bits)});
    }
  }
  return rows;
}

TEST(NearDuplicatePairsTest, HandWorked) {
  const auto found = Near({0xff, 0xf0f0, 7}, {0xfe, 7, 0, 7}, {.max_bits = 3});
  EXPECT_EQ(RowsOf(found), (PairRows{{0, 0, 1}, {2, 1, 0}}));
  EXPECT_EQ(found.pair_count, 4U);
  EXPECT_EQ(found.a_count, 2U);
  EXPECT_EQ(Near({}, {1}, {}).pair_count, 0U);
  EXPECT_EQ(Near({1}, {}, {}).pair_count, 0U);
}

// Families of hashes a few bits from each other, the bits anywhere or within one band, and repeated ones.
std::vector<uint64_t> Families(size_t count, uint64_t seed) {
  SeededRandom parents(1);
  std::vector<uint64_t> parent(6);
  for (uint64_t& hash : parent) hash = parents.Next();
  parent.push_back(0);
  SeededRandom random(seed);
  std::vector<uint64_t> hashes;
  while (hashes.size() < count) {
    uint64_t hash = parent[random.Below(parent.size())];
    const uint64_t spread = random.Below(2) == 0 ? 64 : 16;
    const uint64_t begin = spread == 64 ? 0 : 16 * random.Below(4);
    for (uint64_t flips = random.Below(9); flips > 0; --flips)
      hash ^= uint64_t{1} << (begin + random.Below(spread));
    hashes.push_back(hash);
  }
  return hashes;
}

TEST(NearDuplicatePairsTest, EqualsBruteForce) {
  const std::vector<uint64_t> a = Families(300, 2);
  const std::vector<uint64_t> b = Families(400, 3);
  for (int max_bits = 0; max_bits <= 11; ++max_bits) {
    const PairRows all = AllPairs(a, b, max_bits);
    ASSERT_GT(all.size(), 100U);
    PairRows nearest;
    for (const auto& row : all) {
      if (nearest.empty() || nearest.back()[0] != row[0]) nearest.push_back(row);
      if (row[2] < nearest.back()[2]) nearest.back() = row;
    }
    const auto found = Near(a, b, {.max_bits = max_bits, .max_pairs = a.size() + 1});
    EXPECT_EQ(RowsOf(found), nearest);
    EXPECT_EQ(found.pair_count, all.size());
    EXPECT_EQ(found.a_count, nearest.size());
    for (const size_t most : {size_t{0}, size_t{1}, size_t{77}}) {
      const auto head = Near(a, b, {.max_bits = max_bits, .max_pairs = most, .threads = 3});
      EXPECT_EQ(RowsOf(head),
                PairRows(nearest.begin(),
                         nearest.begin() + static_cast<std::ptrdiff_t>(std::min(most, nearest.size()))));
      EXPECT_EQ(head.pair_count, found.pair_count) << "all are counted";
      EXPECT_EQ(head.a_count, found.a_count);
    }
  }
}

TEST(NearDuplicatePairsTest, BlackPicturesByTheThousandAreCountedWithoutBeingListed) {
  std::vector<uint64_t> a(300000, 0);
  std::vector<uint64_t> b(400000, 0);
  a.push_back(0x0123456789abcdef);
  b.push_back(0x0123456789abcdee);
  b.push_back(1);
  const auto found = Near(a, b, {.max_bits = 1, .max_pairs = 3});
  EXPECT_EQ(found.pair_count, 300000U * uint64_t{400001} + 1);
  EXPECT_EQ(found.a_count, 300001U);
  EXPECT_EQ(RowsOf(found), (PairRows{{0, 0, 0}, {1, 0, 0}, {2, 0, 0}}));
}

TEST(NearDuplicatePairsTest, RefusesADistanceOutOfRange) {
  const std::vector<uint64_t> hashes = {1};
  for (const int bad : {-1, 12}) {
    EXPECT_EQ(NearDuplicatePairs(hashes, hashes, {.max_bits = bad}).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace loupe::ranking
