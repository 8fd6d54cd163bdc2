#include "server/ranking/hamming_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <tuple>
#include <vector>

#include "evaluation/seeded_random.h"

namespace loupe::ranking {
namespace {

using evaluation::SeededRandom;
using testing::IsEmpty;
using testing::UnorderedElementsAreArray;

using Found = std::vector<std::tuple<size_t, int>>;  // i, bits

Found Search(const HammingIndex& index, uint64_t hash) {
  Found found;
  index.Search(hash, [&](size_t i, int bits) { found.emplace_back(i, bits); });
  return found;
}

HammingIndex Filled(const std::vector<uint64_t>& hashes, int max_bits) {
  HammingIndex index(hashes, max_bits);
  for (size_t i = 0; i < hashes.size(); ++i) index.Add(hashes[i], i);
  return index;
}

Found BruteForce(const std::vector<uint64_t>& hashes, uint64_t hash, int max_bits) {
  Found found;
  for (size_t i = 0; i < hashes.size(); ++i) {
    const int bits = std::popcount(hashes[i] ^ hash);
    if (bits <= max_bits) found.emplace_back(i, bits);
  }
  return found;
}

// Hashes of every distance from each other: a few to many bits flipped, anywhere or within one band.
std::vector<uint64_t> Neighbours(uint64_t hash, size_t count, SeededRandom& random) {
  std::vector<uint64_t> hashes;
  while (hashes.size() < count) {
    const bool one_band = random.Below(2) == 0;
    const uint64_t begin = one_band ? 16 * random.Below(4) : 0;
    uint64_t near = hash;
    for (uint64_t flips = random.Below(14); flips > 0; --flips) {
      near ^= uint64_t{1} << (begin + random.Below(one_band ? 16 : 64));
    }
    hashes.push_back(near);
  }
  return hashes;
}

TEST(HammingIndexTest, HandWorked) {
  const HammingIndex index = Filled({0, 1, 0xf0, ~uint64_t{0}, 1}, 2);
  EXPECT_THAT(Search(index, 0), UnorderedElementsAreArray(Found{{0, 0}, {1, 1}, {4, 1}}));
  EXPECT_THAT(Search(index, 0x30), UnorderedElementsAreArray(Found{{0, 2}, {2, 2}}));
  EXPECT_EQ(Search(index, ~uint64_t{1}), (Found{{3, 1}}));
  EXPECT_THAT(Search(index, 0xffffffff), IsEmpty());
}

TEST(HammingIndexTest, VisitsEachHashInReachOnceAtEveryDistance) {
  SeededRandom random(1);
  const std::vector<uint64_t> hashes = Neighbours(random.Next(), 400, random);
  for (int max_bits = 0; max_bits <= HammingIndex::kMostBits; ++max_bits) {
    SCOPED_TRACE(max_bits);
    const HammingIndex index = Filled(hashes, max_bits);
    for (size_t i = 0; i < hashes.size(); i += 7) {
      for (const uint64_t sought : Neighbours(hashes[i], 3, random)) {
        EXPECT_THAT(Search(index, sought), UnorderedElementsAreArray(BruteForce(hashes, sought, max_bits)));
      }
    }
  }
}

TEST(HammingIndexTest, FindsWhateverBitsDiffer) {
  for (const int max_bits : {3, 10, 11}) {
    SeededRandom random(2);
    for (int repetition = 0; repetition < 500; ++repetition) {
      const uint64_t hash = random.Next();
      uint64_t difference = 0;
      while (std::popcount(difference) < max_bits) difference |= uint64_t{1} << random.Below(64);
      const HammingIndex index = Filled({hash ^ difference}, max_bits);
      ASSERT_EQ(Search(index, hash), (Found{{0, max_bits}})) << difference;
    }
  }
}

TEST(HammingIndexTest, FindsWhatIsAddedAndNothingElse) {
  const std::vector<uint64_t> hashes = {5, 5, 4, 5};
  HammingIndex index(hashes, 1);
  EXPECT_THAT(Search(index, 5), IsEmpty());
  index.Add(hashes[3], 3);
  EXPECT_EQ(Search(index, 5), (Found{{3, 0}}));
  index.Add(hashes[2], 2);
  index.Add(hashes[0], 0);
  EXPECT_THAT(Search(index, 5), UnorderedElementsAreArray(Found{{3, 0}, {2, 1}, {0, 0}}));
  EXPECT_THAT(Search(Filled({}, 11), 5), IsEmpty());
}

}  // namespace
}  // namespace loupe::ranking
