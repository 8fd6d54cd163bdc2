#include "server/ranking/similarity_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "evaluation/seeded_random.h"

namespace loupe::ranking {
namespace {

using evaluation::SeededRandom;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Half floats of numbers that they hold exactly enough: truncated to 10 bits.
std::string Halves(const std::vector<double>& numbers) {
  std::string bytes;
  for (const double number : numbers) {
    int exponent = 0;
    const double fraction = std::frexp(std::abs(number), &exponent);  // in [0.5, 1)
    uint32_t bits = 0;
    if (number != 0 && exponent > -13) {
      bits = static_cast<uint32_t>(exponent + 14) << 10U |
             static_cast<uint32_t>(std::lround((2 * fraction - 1) * 1023));
    }
    if (number < 0) bits |= 0x8000U;
    bytes += static_cast<char>(bits & 0xffU);
    bytes += static_cast<char>(bits >> 8U);
  }
  return bytes;
}

TEST(SimilarityIndexTest, TheMostSimilarComesFirstWhateverItsLength) {
  SimilarityIndex index(2);
  ASSERT_TRUE(index.Add(7, Halves({0, 3})).ok());
  ASSERT_TRUE(index.Add(8, Halves({0.5, 0.05})).ok());
  ASSERT_TRUE(index.Add(9, Halves({-2, 0})).ok());
  ASSERT_TRUE(index.Add(10, Halves({8, 8})).ok());
  EXPECT_THAT(*index.Search(Halves({1, 0}), 3), ElementsAre(8, 10, 7));
  EXPECT_THAT(*index.Search(Halves({1, 0}), 9), ElementsAre(8, 10, 7, 9));
  EXPECT_THAT(*index.Search(Halves({1, 0}), 0), IsEmpty());
}

TEST(SimilarityIndexTest, AnEmbeddingOfZerosIsLikeNone) {
  SimilarityIndex index(2);
  ASSERT_TRUE(index.Add(1, Halves({0, 0})).ok());
  ASSERT_TRUE(index.Add(2, Halves({-1, 0})).ok());
  ASSERT_TRUE(index.Add(3, Halves({1, 1})).ok());
  EXPECT_THAT(*index.Search(Halves({1, 0}), 3), ElementsAre(3, 1, 2));
  EXPECT_THAT(*index.Search(Halves({0, 0}), 3), ElementsAre(1, 2, 3)) << "equals in order of adding";
  EXPECT_EQ(*Cosine(Halves({0, 0}), Halves({1, 0})), 0);
}

TEST(SimilarityIndexTest, ABrokenEmbeddingIsRefusedAndNotAdded) {
  SimilarityIndex index(2);
  EXPECT_FALSE(index.Add(1, "abc").ok());
  EXPECT_FALSE(index.Add(1, std::string("\x00\x7c\x00\x00", 4)).ok()) << "infinite";
  EXPECT_EQ(index.size(), 0U);
  EXPECT_FALSE(index.Search("abc", 1).ok());
  EXPECT_FALSE(Cosine(Halves({1, 2}), Halves({1})).ok());
}

// Of the 20 most similar of 10,000 by the cosine itself, the index has nearly all among its first 100.
TEST(SimilarityIndexTest, RecallOfTheMostSimilar) {
  constexpr size_t kImages = 10'000;
  constexpr size_t kWidth = 128;
  SeededRandom random(3);
  std::vector<std::string> embeddings;
  SimilarityIndex index(kWidth);
  for (size_t i = 0; i < kImages; ++i) {
    std::vector<double> numbers(kWidth);
    for (double& number : numbers) number = random.Uniform() - 0.3;
    embeddings.push_back(Halves(numbers));
    ASSERT_TRUE(index.Add(static_cast<int64_t>(i), embeddings.back()).ok());
  }
  size_t hits = 0;
  for (size_t asked = 0; asked < 20; ++asked) {
    std::vector<std::pair<double, int64_t>> exact;
    for (size_t i = 0; i < kImages; ++i) {
      exact.emplace_back(-*Cosine(embeddings[asked], embeddings[i]), static_cast<int64_t>(i));
    }
    std::partial_sort(exact.begin(), exact.begin() + 20, exact.end());
    const std::vector<int64_t> found = *index.Search(embeddings[asked], 100);
    EXPECT_EQ(found.front(), static_cast<int64_t>(asked)) << "itself";
    const std::set<int64_t> among(found.begin(), found.end());
    for (size_t i = 0; i < 20; ++i) hits += among.count(exact[i].second);
  }
  EXPECT_GE(hits, 399U) << "of 400";
}

}  // namespace
}  // namespace loupe::ranking
