#include "server/ranking/diversity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>
#include <string>

#include "evaluation/seeded_random.h"

namespace loupe::ranking {
namespace {

using evaluation::SeededRandom;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr uint16_t kInfiniteHalf = 0x7c00;

// What a half float means, from the definition of binary16.
double ValueOf(uint16_t half) {
  const int exponent = half >> 10 & 31;
  const int fraction = half & 1023;
  const double size = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25);
  return half & 0x8000 ? -size : size;
}

// The half float nearest to a number in [-1, 1], by looking at all.
uint16_t NearestHalf(double value) {
  static const std::vector<double> sizes = [] {
    std::vector<double> values;
    for (uint16_t half = 0; half <= 0x3c00; ++half) values.push_back(ValueOf(half));
    return values;
  }();
  const auto above = std::lower_bound(sizes.begin(), sizes.end(), std::abs(value));
  auto nearest = static_cast<uint16_t>(above - sizes.begin());
  if (nearest > 0 && *above - std::abs(value) > std::abs(value) - *(above - 1)) --nearest;
  return std::signbit(value) ? nearest | 0x8000 : nearest;
}

std::string BytesOf(const std::vector<uint16_t>& halves) {
  std::string bytes;
  for (const uint16_t half : halves) {
    bytes += static_cast<char>(half & 255);
    bytes += static_cast<char>(half >> 8);
  }
  return bytes;
}

// Bytes of numbers in [-1, 1].
std::string Bytes(const std::vector<double>& values) {
  std::vector<uint16_t> halves;
  for (const double value : values) halves.push_back(NearestHalf(value));
  return BytesOf(halves);
}

Embeddings RowsOf(size_t width, const std::vector<std::vector<double>>& rows) {
  Embeddings embeddings(width);
  for (const std::vector<double>& row : rows) EXPECT_TRUE(embeddings.Append(Bytes(row)).ok());
  return embeddings;
}

// Points on the unit circle.
Embeddings Circle(const std::vector<double>& degrees) {
  std::vector<std::vector<double>> rows;
  for (const double angle : degrees) {
    rows.push_back({std::cos(angle * std::numbers::pi / 180), std::sin(angle * std::numbers::pi / 180)});
  }
  return RowsOf(2, rows);
}

std::vector<double> RandomNumbers(size_t count, double low, double high, SeededRandom& random) {
  std::vector<double> numbers(count);
  for (double& number : numbers) number = low + (high - low) * random.Uniform();
  return numbers;
}

// A third of them in a heap of this radius, the others scattered.
Embeddings RandomRows(size_t size, size_t width, SeededRandom& random, double radius = 0.06) {
  std::vector<std::vector<double>> rows;
  const std::vector<double> heap = RandomNumbers(width, -0.9, 0.9, random);
  for (size_t i = 0; i < size; ++i) {
    rows.push_back(RandomNumbers(width, -1, 1, random));
    if (i % 3 != 0) continue;
    for (size_t k = 0; k < width; ++k) rows[i][k] = heap[k] + radius * rows[i][k];
  }
  return RowsOf(width, rows);
}

std::vector<double> Decoded(const Embeddings& embeddings, size_t i) {
  std::vector<double> values;
  for (size_t k = 0; k < embeddings.row_length(); ++k) values.push_back(ValueOf(embeddings.row(i)[k]));
  return values;
}

std::vector<std::vector<double>> Decoded(const Embeddings& embeddings) {
  std::vector<std::vector<double>> rows;
  for (size_t i = 0; i < embeddings.size(); ++i) rows.push_back(Decoded(embeddings, i));
  return rows;
}

double Distance(const std::vector<double>& a, const std::vector<double>& b) {
  double squared = 0;
  for (size_t k = 0; k < a.size(); ++k) squared += (a[k] - b[k]) * (a[k] - b[k]);
  return std::sqrt(squared);
}

// The sum of products in single precision, in the order that the kernels are bound to.
float OrderedDot(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<float> sums(16);
  for (size_t k = 0; k < a.size(); ++k) sums[k % 16] += static_cast<float>(a[k] * b[k]);
  for (size_t i = 0; i < 4; ++i) sums[i] = (sums[i] + sums[i + 4]) + (sums[i + 8] + sums[i + 12]);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

float OrderedSquaredDistance(const std::vector<double>& a, const std::vector<double>& b) {
  return std::max(0.0F, (OrderedDot(a, a) + OrderedDot(b, b)) - 2 * OrderedDot(a, b));
}

// Looks at every pair anew for each pick.
std::vector<size_t> SlowKCenter(const Embeddings& candidates, const std::vector<double>& weights,
                                const Embeddings& centres, size_t count) {
  const double largest = *std::max_element(weights.begin(), weights.end());
  const std::vector<std::vector<double>> rows = Decoded(candidates);
  std::vector<std::vector<double>> covered = Decoded(centres);
  std::vector<size_t> taken;
  while (taken.size() < std::min(count, rows.size())) {
    double best = -1;
    size_t pick = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      if (std::find(taken.begin(), taken.end(), i) != taken.end()) continue;
      float nearest = 4;
      for (const auto& centre : covered) nearest = std::min(nearest, OrderedSquaredDistance(rows[i], centre));
      const double gain = (weights[i] / largest) * (weights[i] / largest) * nearest;
      if (gain > best) {
        best = gain;
        pick = i;
      }
    }
    taken.push_back(pick);
    covered.push_back(rows[pick]);
  }
  return taken;
}

TEST(EmbeddingsTest, RowsHaveLengthOneAndZerosBehind) {
  const Embeddings embeddings = RowsOf(2, {{0.03, 0.04}, {0.375, -0.5}});
  ASSERT_EQ(embeddings.size(), 2U);
  ASSERT_EQ(embeddings.row_length(), 32U);
  EXPECT_EQ(embeddings.row(1)[0], 0x38cd) << "0.6 is nearest to 1229 / 2048";
  EXPECT_EQ(embeddings.row(1)[1], 0xba66) << "-0.8 is nearest to -1638 / 2048";
  EXPECT_EQ(embeddings.row(0)[0], 0x38cd);
  for (size_t k = 2; k < 32; ++k) EXPECT_EQ(embeddings.row(1)[k], 0);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(embeddings.squared_length(i), OrderedDot(Decoded(embeddings, i), Decoded(embeddings, i)));
  }
  EXPECT_EQ(reinterpret_cast<uintptr_t>(embeddings.row(1)) % 64, 0U);
}

TEST(EmbeddingsTest, EveryHalfFloatIsReadAndScaled) {
  Embeddings embeddings(2);
  for (uint16_t size = 1; size < kInfiniteHalf; ++size) {
    const uint16_t half = size % 2 == 0 ? size : size | 0x8000;
    ASSERT_TRUE(embeddings.Append(BytesOf({half, 0x3c00})).ok());
    const double scaled = ValueOf(half) / std::hypot(ValueOf(half), 1);
    const double step = std::max(std::ldexp(1, std::ilogb(scaled) - 10), 0x1p-24);
    EXPECT_NEAR(ValueOf(embeddings.row(size - 1U)[0]), scaled, step * 0.5001) << half;
  }
}

TEST(EmbeddingsTest, EmbeddingsThatCantBeUsedAreRefusedAndLeaveNoTrace) {
  Embeddings embeddings(2);
  ASSERT_TRUE(embeddings.Append(Bytes({1, 0})).ok());
  for (const std::string& bytes : {Bytes({1}), Bytes({1, 0, 0}), std::string("\0\0\0", 3), std::string(),
                                   BytesOf({0, kInfiniteHalf}), BytesOf({0xfc00, 0}), BytesOf({0, 0x7e00})}) {
    EXPECT_EQ(embeddings.Append(bytes).code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(embeddings.size(), 1U);
  }
  ASSERT_TRUE(embeddings.Append(BytesOf({0, 0xfbff})).ok());
  EXPECT_EQ(embeddings.row(1)[1], 0xbc00);
}

TEST(ProductKernelTest, AllKernelsAddInTheSameOrder) {
  SeededRandom random(1);
  for (const size_t width : {1, 31, 32, 33, 128, 200}) {
    const Embeddings rows = RandomRows(5, width, random);
    std::vector<float> point;
    for (const double value : Decoded(rows, 4)) point.push_back(static_cast<float>(value));
    EXPECT_EQ(rows.squared_length(4), OrderedDot(Decoded(rows, 4), Decoded(rows, 4))) << width;
    for (const ProductKernel kernel : UsableProductKernels()) {
      GroupLanes lanes;
      lanes[0].fill(std::numeric_limits<float>::quiet_NaN());
      kernel({rows.row(0), rows.row(1), rows.row(2), rows.row(3)}, rows.row_length(), point.data(), lanes);
      for (size_t r = 0; r < kGroupRows; ++r) {
        std::vector<float> expected(kLanes);
        for (size_t k = 0; k < rows.row_length(); ++k) {
          expected[k % kLanes] += static_cast<float>(ValueOf(rows.row(r)[k])) * point[k];
        }
        EXPECT_THAT(lanes[r], testing::ElementsAreArray(expected)) << width;
      }
    }
  }
}

TEST(WeightedKCenterTest, TakesTheFarthestFromAllThatIsTaken) {
  const Embeddings candidates = Circle({10, 90, 180, 175, 0});
  EXPECT_THAT(WeightedKCenter(candidates, std::vector<double>(5, 3.0), Circle({0}), 5, 1),
              ElementsAre(2, 1, 0, 3, 4));
  EXPECT_THAT(WeightedKCenter(candidates, std::vector<double>(5, 3.0), Circle({0, 178}), 2, 1),
              ElementsAre(1, 0));
}

TEST(WeightedKCenterTest, WeightsTimesDistancesAreCompared) {
  // At √2 and 2 from the centre.
  const Embeddings candidates = Circle({90, 180});
  EXPECT_THAT(WeightedKCenter(candidates, std::vector<double>{1, 0.72}, Circle({0}), 1, 1), ElementsAre(1));
  EXPECT_THAT(WeightedKCenter(candidates, std::vector<double>{1, 0.70}, Circle({0}), 1, 1), ElementsAre(0));
}

TEST(WeightedKCenterTest, WithoutCentresTheLargestWeightIsFirst) {
  const Embeddings candidates = Circle({0, 1, 2, 180});
  EXPECT_THAT(WeightedKCenter(candidates, std::vector<double>{1, 3, 3, 1}, Embeddings(2), 2, 1),
              ElementsAre(1, 3));
}

TEST(WeightedKCenterTest, EqualsGoByIndex) {
  const std::vector<double> ones(4, 1.0);
  EXPECT_THAT(WeightedKCenter(Circle({7, 7, 7, 7}), ones, Circle({7}), 4, 1), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(WeightedKCenter(Circle({7, 7, 90, 7}), ones, Embeddings(2), 4, 1), ElementsAre(0, 2, 1, 3));
  EXPECT_THAT(WeightedKCenter(Circle({7, 8, 90, 60}), std::vector<double>(4), Circle({0}), 4, 1),
              ElementsAre(0, 1, 2, 3))
      << "nothing is worth anything";
}

TEST(WeightedKCenterTest, ZerosAreAtTheOriginAndNoNumbersAreAllAlike) {
  const Embeddings candidates = RowsOf(2, {{0, 0}, {1, 0}, {0, 0}});
  EXPECT_THAT(WeightedKCenter(candidates, std::vector<double>{1, 1.1, 2}, Circle({0}), 3, 1),
              ElementsAre(2, 0, 1));
  EXPECT_THAT(WeightedKCenter(candidates, std::vector<double>{1, 3, 2}, RowsOf(2, {{0, 0}}), 2, 1),
              ElementsAre(1, 0));
  const Embeddings none = RowsOf(0, {{}, {}, {}});
  EXPECT_THAT(WeightedKCenter(none, std::vector<double>{1, 2, 1}, Embeddings(0), 3, 1), ElementsAre(1, 0, 2));
}

TEST(WeightedKCenterTest, NoMoreThanThereIs) {
  EXPECT_THAT(WeightedKCenter(Embeddings(2), {}, Circle({0}), 3, 0), IsEmpty());
  EXPECT_THAT(WeightedKCenter(Circle({5}), std::vector<double>{1}, Circle({0}), 0, 0), IsEmpty());
  EXPECT_THAT(WeightedKCenter(Circle({5}), std::vector<double>{0}, Circle({0}), 9, 0), ElementsAre(0));
}

TEST(WeightedKCenterTest, WeightsOfAnySizeAreComparedAlike) {
  SeededRandom random(2);
  const Embeddings candidates = RandomRows(100, 8, random);
  std::vector<double> weights = RandomNumbers(100, 0, 1, random);
  const std::vector<size_t> expected = WeightedKCenter(candidates, weights, Embeddings(8), 100, 1);
  for (double& weight : weights) weight *= 0x1p1000;
  EXPECT_EQ(WeightedKCenter(candidates, weights, Embeddings(8), 100, 1), expected);
}

TEST(WeightedKCenterTest, EqualsTheSlowReference) {
  SeededRandom random(3);
  for (const size_t width : {1, 2, 20, 128, 130}) {
    for (const size_t centre_count : {0, 1, 30}) {
      const Embeddings candidates = RandomRows(300, width, random);
      const Embeddings centres = RandomRows(centre_count, width, random);
      const std::vector<double> weights = RandomNumbers(300, 0, 5, random);
      EXPECT_EQ(WeightedKCenter(candidates, weights, centres, 12, 0),
                SlowKCenter(candidates, weights, centres, 12))
          << width << " " << centre_count;
    }
  }
}

TEST(WeightedKCenterTest, EqualsTheSlowReferenceToTheLastOfNearlyEqualOnes) {
  SeededRandom random(9);
  const Embeddings candidates = RandomRows(90, 128, random, /*radius=*/1e-4);
  const std::vector<double> weights = RandomNumbers(90, 1, 2, random);
  const Embeddings none(128);
  EXPECT_EQ(WeightedKCenter(candidates, weights, none, 90, 0), SlowKCenter(candidates, weights, none, 90));
}

TEST(WeightedKCenterTest, EachPickIsAsGoodAsAnyInDoublePrecision) {
  SeededRandom random(4);
  const size_t count = 200;
  const Embeddings candidates = RandomRows(count, 40, random);
  const std::vector<std::vector<double>> rows = Decoded(candidates);
  const std::vector<double> weights = RandomNumbers(count, 0.5, 2, random);
  std::vector<double> nearest(count, 2);
  double last_gain = 4;
  for (const size_t pick : WeightedKCenter(candidates, weights, Embeddings(40), count / 2, 0)) {
    const double gain = weights[pick] * nearest[pick];
    EXPECT_LE(gain, last_gain + 1e-5);
    last_gain = gain;
    for (size_t i = 0; i < count; ++i) EXPECT_LE(weights[i] * nearest[i], gain + 1e-5);
    for (size_t i = 0; i < count; ++i) {
      nearest[i] = std::min(nearest[i], Distance(rows[i], rows[pick]));
    }
  }
}

TEST(WeightedKCenterTest, ThreadsDontChangeTheChoice) {
  SeededRandom random(5);
  const size_t count = 150'000;  // enough for several threads
  Embeddings candidates(4);
  for (size_t i = 0; i < count; ++i) {
    std::vector<uint16_t> halves(4);
    for (uint16_t& half : halves) half = static_cast<uint16_t>(random.Next() & 0x87ffU) | 0x3000U;
    ASSERT_TRUE(candidates.Append(BytesOf(halves)).ok());
  }
  const std::vector<double> weights = RandomNumbers(count, 0.5, 2, random);
  const Embeddings centres = RandomRows(3, 4, random);
  const std::vector<size_t> alone = WeightedKCenter(candidates, weights, centres, 20, 1);
  for (const int threads : {0, 2, 3, 7}) {
    EXPECT_EQ(WeightedKCenter(candidates, weights, centres, 20, threads), alone) << threads;
  }
}

// The largest weight times distance that is left with these candidates taken.
double LeftOver(const std::vector<std::vector<double>>& distances, const std::vector<double>& weights,
                const std::vector<double>& to_centre, unsigned taken) {
  double worst = 0;
  for (size_t i = 0; i < weights.size(); ++i) {
    double nearest = to_centre[i];
    for (size_t t = 0; t < weights.size(); ++t) {
      if (taken >> t & 1U) nearest = std::min(nearest, distances[i][t]);
    }
    worst = std::max(worst, weights[i] * nearest);
  }
  return worst;
}

TEST(WeightedKCenterTest, LeavesAtMostThreeTimesWhatTheBestChoiceLeaves) {
  SeededRandom random(6);
  for (int world = 0; world < 60; ++world) {
    const size_t count = 11, picks = 3;
    const Embeddings candidates = RandomRows(count, 2, random);
    const Embeddings centres = RandomRows(1, 2, random);
    const bool weighted = world % 2 == 0;
    const std::vector<double> weights =
        weighted ? RandomNumbers(count, 0.1, 2, random) : std::vector<double>(count, 1);
    std::vector<std::vector<double>> distances(count);
    std::vector<double> to_centre;
    for (size_t i = 0; i < count; ++i) {
      to_centre.push_back(Distance(Decoded(candidates, i), Decoded(centres, 0)));
      for (size_t j = 0; j < count; ++j) {
        distances[i].push_back(Distance(Decoded(candidates, i), Decoded(candidates, j)));
      }
    }
    double best = 1e9;
    for (unsigned taken = 0; taken < 1U << count; ++taken) {
      if (std::popcount(taken) != picks) continue;
      best = std::min(best, LeftOver(distances, weights, to_centre, taken));
    }
    unsigned taken = 0;
    for (const size_t pick : WeightedKCenter(candidates, weights, centres, picks, 1)) taken |= 1U << pick;
    EXPECT_LE(LeftOver(distances, weights, to_centre, taken), (weighted ? 3 : 2) * best + 1e-5) << world;
  }
}

constexpr uint64_t kHash = 0x123456789abcdef0U;

uint64_t Flipped(uint64_t hash, int bits, SeededRandom& random) {
  uint64_t flips = 0;
  while (std::popcount(flips) < bits) flips |= uint64_t{1} << random.Below(64);
  return hash ^ flips;
}

TEST(MergeNearDuplicatesTest, HashAndEmbeddingMustAgree) {
  // To the first: 10 bits and 25.5° (cosine 0.903); 11 bits; 10 bits and 26.5° (cosine 0.895); nothing.
  const std::vector<std::optional<uint64_t>> hashes = {kHash, kHash ^ 0x3ff, kHash ^ (0x7ffULL << 30),
                                                       kHash ^ (0x3ffULL << 50), kHash};
  EXPECT_THAT(MergeNearDuplicates(hashes, Circle({0, 25.5, 0, -26.5, 0})), ElementsAre(0, 0, 2, 3, 0));
}

TEST(MergeNearDuplicatesTest, OnlyImagesThatStandForThemselvesRepresentOthers) {
  // The third is near the second, which is merged, and not near the first; the fourth is near both that
  // remain.
  const std::vector<std::optional<uint64_t>> hashes = {kHash, kHash ^ 0xff, kHash ^ 0xffff, kHash ^ 0xff};
  EXPECT_THAT(MergeNearDuplicates(hashes, Circle({0, 0, 0, 0})), ElementsAre(0, 0, 2, 0));
}

TEST(MergeNearDuplicatesTest, WithoutAHashNothingIsMerged) {
  const std::vector<std::optional<uint64_t>> hashes = {std::nullopt, kHash, std::nullopt, kHash};
  EXPECT_THAT(MergeNearDuplicates(hashes, Circle({0, 0, 0, 0})), ElementsAre(0, 1, 2, 1));
  EXPECT_THAT(MergeNearDuplicates({}, Embeddings(2)), IsEmpty());
}

TEST(MergeNearDuplicatesTest, ImagesInWhichNothingIsSeenGoByTheirHashes) {
  const std::vector<std::optional<uint64_t>> hashes = {kHash, kHash, ~kHash, kHash};
  EXPECT_THAT(MergeNearDuplicates(hashes, RowsOf(2, {{0, 0}, {0, 0}, {0, 0}, {1, 0}})),
              ElementsAre(0, 0, 2, 3));
}

TEST(MergeNearDuplicatesTest, EqualsComparingEachWithAll) {
  SeededRandom random(7);
  const size_t count = 3000;
  std::vector<std::optional<uint64_t>> hashes;
  std::vector<double> angles;
  size_t merged = 0;
  std::vector<size_t> firsts;
  for (size_t i = 0; i < count; ++i) {
    const uint64_t scene = evaluation::Mix64(random.Below(60));
    hashes.push_back(Flipped(scene, static_cast<int>(random.Below(10)), random));
    angles.push_back(static_cast<double>(random.Below(18)) * 20);  // 20°: alike, 40°: not
    firsts.push_back(i);
    for (size_t j = 0; j < i && firsts[i] == i; ++j) {
      const double apart = std::abs(angles[i] - angles[j]);
      if (firsts[j] == j && std::popcount(*hashes[i] ^ *hashes[j]) <= 10 &&
          std::min(apart, 360 - apart) <= 20) {
        firsts[i] = j;
        ++merged;
      }
    }
  }
  EXPECT_GT(merged, count / 4);
  EXPECT_LT(merged, count * 3 / 4);
  EXPECT_EQ(MergeNearDuplicates(hashes, Circle(angles)), firsts);
}

TEST(MergeNearDuplicatesTest, FindsWhateverBitsDiffer) {
  SeededRandom random(8);
  std::vector<std::optional<uint64_t>> hashes;
  std::vector<size_t> expected;
  for (size_t i = 0; i < 4000; i += 2) {
    const int bits = i % 4 == 0 ? 10 : 11;
    hashes.emplace_back(evaluation::Mix64(i));
    hashes.emplace_back(Flipped(evaluation::Mix64(i), bits, random));
    expected.insert(expected.end(), {i, bits == 10 ? i : i + 1});
  }
  EXPECT_EQ(MergeNearDuplicates(hashes, Circle(std::vector<double>(hashes.size()))), expected);
}

}  // namespace
}  // namespace loupe::ranking
