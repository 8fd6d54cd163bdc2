#include "server/ranking/representativeness.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <numeric>

#include "evaluation/seeded_random.h"
#include "tests/server/ranking/bad_numbers.h"

namespace loupe::ranking {
namespace {

using evaluation::SeededRandom;
using testing::HasSubstr;

// Nearly normal: mean 0, spread 1.
double NormalSample(SeededRandom& random) {
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += random.Uniform();
  return sum;
}

// [rows, width]
std::vector<float> NormalRows(size_t rows, size_t width, SeededRandom& random, double mean = 0,
                              double spread = 1) {
  std::vector<float> numbers(rows * width);
  for (float& number : numbers) number = static_cast<float>(mean + spread * NormalSample(random));
  return numbers;
}

MmdResult Mmd(const std::vector<float>& x, const std::vector<float>& y, size_t width,
              const MmdOptions& options = {}) {
  const auto result = MmdTest({x, width}, {y, width}, options);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.value_or(MmdResult{});
}

// MMD² term by term. first: whether row i of `rows` is of the first side.
double PlainMmd2(const std::vector<float>& rows, size_t width, const std::vector<bool>& first,
                 double bandwidth) {
  const size_t count = first.size();
  double sums[3] = {};  // second side, across, first side
  double pairs[3] = {};
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = 0; j < count; ++j) {
      if (i == j) continue;
      double squared = 0;
      for (size_t k = 0; k < width; ++k) {
        squared += std::pow(double{rows[i * width + k]} - double{rows[j * width + k]}, 2);
      }
      const size_t kind = size_t{first[i]} + size_t{first[j]};
      sums[kind] += std::exp(-squared / (2 * bandwidth * bandwidth));
      ++pairs[kind];
    }
  }
  return sums[0] / pairs[0] + sums[2] / pairs[2] - 2 * sums[1] / pairs[1];
}

TEST(MmdTestTest, HandWorked) {
  // Distances 1, 3, 7, 2, 6, 4: σ is the larger of 3 and 4.
  const MmdResult result = Mmd({0, 1}, {3, 7}, 1);
  EXPECT_NEAR(result.bandwidth, 4, 1e-6);
  const auto kernel = [](double distance) { return std::exp(-distance * distance / 32); };
  EXPECT_NEAR(result.mmd2, kernel(1) + kernel(4) - (kernel(3) + kernel(7) + kernel(2) + kernel(6)) / 2, 1e-5);
  EXPECT_EQ(result.x_rows, 2U);
  EXPECT_EQ(result.y_rows, 2U);
}

TEST(MmdTestTest, SplitsThatDifferOnlyInTheSidesNamesTie) {
  // Of the 3 ways to make two pairs the one given is the furthest apart. A split comes up with either side
  // first, so 1 in 3 ties; without exact ties it would be 1 in 6.
  EXPECT_NEAR(Mmd({0, 1}, {3, 7}, 1, {.permutations = 2999}).p_value, 1.0 / 3, 0.03);
}

TEST(MmdTestTest, AgreesWithThePlainSumsAndAllSplits) {
  SeededRandom random(5);
  for (int repetition = 0; repetition < 5; ++repetition) {
    constexpr size_t kRows = 8;
    constexpr size_t kFirst = 3;
    constexpr size_t kWidth = 11;  // no multiple of 8
    const std::vector<float> x = NormalRows(kFirst, kWidth, random, 0.2 * repetition);
    const std::vector<float> y = NormalRows(kRows - kFirst, kWidth, random);
    std::vector<float> rows = x;
    rows.insert(rows.end(), y.begin(), y.end());
    const MmdResult result = Mmd(x, y, kWidth, {.permutations = 3999});
    double as_large = 0;
    double splits = 0;
    for (uint32_t split = 0; split < 1U << kRows; ++split) {
      if (std::popcount(split) != kFirst) continue;
      std::vector<bool> first(kRows);
      for (size_t i = 0; i < kRows; ++i) first[i] = (split >> i & 1U) != 0;
      const double mmd2 = PlainMmd2(rows, kWidth, first, result.bandwidth);
      if (split == (1U << kFirst) - 1) {
        EXPECT_NEAR(result.mmd2, mmd2, 1e-5);
      }
      if (mmd2 >= result.mmd2 - 1e-5) ++as_large;
      ++splits;
    }
    EXPECT_EQ(splits, 56);
    EXPECT_NEAR(result.p_value, as_large / splits, 0.03);
  }
}

TEST(MmdTestTest, BandwidthIsTheMedianDistanceOfUnequalRows) {
  // (0, 0) six times and (3, 4): of 21 pairs only 6 are apart, by 5.
  EXPECT_NEAR(Mmd({0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, {0, 0, 3, 4}, 2).bandwidth, 5, 1e-6);
}

TEST(MmdTestTest, EqualRowsDoNotDiffer) {
  const MmdResult result = Mmd({2, 2, 2}, {2, 2}, 1);
  EXPECT_EQ(result.mmd2, 0);
  EXPECT_EQ(result.p_value, 1);
  EXPECT_EQ(result.bandwidth, 0);
  EXPECT_EQ(result.x_rows, 3U);
}

TEST(MmdTestTest, SidesFarApartReachTheSmallestP) {
  SeededRandom random(6);
  const std::vector<float> x = NormalRows(50, 4, random);
  const std::vector<float> y = NormalRows(50, 4, random, 1000);
  const MmdResult result = Mmd(x, y, 4, {.permutations = 199});
  EXPECT_EQ(result.p_value, 1.0 / 200) << "never 0";
  EXPECT_GT(result.mmd2, 0.7);
  EXPECT_LE(result.mmd2, 2);
}

TEST(MmdTestTest, RejectsFivePercentOfEqualSources) {
  SeededRandom random(7);
  int rejected = 0;
  double p_sum = 0;
  double mmd2_sum = 0;
  for (uint64_t repetition = 0; repetition < 200; ++repetition) {
    const std::vector<float> x = NormalRows(20, 3, random);
    const std::vector<float> y = NormalRows(35, 3, random);
    const MmdResult result = Mmd(x, y, 3, {.permutations = 99, .seed = repetition});
    rejected += result.p_value <= 0.05 ? 1 : 0;
    p_sum += result.p_value;
    mmd2_sum += result.mmd2;
  }
  // 10 ± 3.1 of 200, and a mean of 0.505 ± 0.02, were p exactly uniform.
  EXPECT_GE(rejected, 2);
  EXPECT_LE(rejected, 21);
  EXPECT_NEAR(p_sum / 200, 0.505, 0.08);
  EXPECT_NEAR(mmd2_sum / 200, 0, 0.003) << "unbiased";
}

TEST(MmdTestTest, FindsAShiftAndAnotherSpread) {
  SeededRandom random(8);
  int found_shift = 0;
  int found_spread = 0;
  for (uint64_t repetition = 0; repetition < 20; ++repetition) {
    const MmdOptions options = {.permutations = 199, .seed = repetition};
    const std::vector<float> x = NormalRows(60, 4, random);
    found_shift += Mmd(x, NormalRows(60, 4, random, 0.7), 4, options).p_value <= 0.05 ? 1 : 0;
    found_spread += Mmd(x, NormalRows(60, 4, random, 0, 2.5), 4, options).p_value <= 0.05 ? 1 : 0;
  }
  EXPECT_GE(found_shift, 19);
  EXPECT_GE(found_spread, 19);
}

TEST(MmdTestTest, DependsOnTheSeedAndNotOnThreadsOrSideNames) {
  SeededRandom random(9);
  const std::vector<float> x = NormalRows(50, 5, random);
  const std::vector<float> y = NormalRows(70, 5, random, 0.1);
  const MmdOptions options = {.permutations = 499, .max_rows = 40, .seed = 3, .threads = 1};
  const MmdResult result = Mmd(x, y, 5, options);
  for (const int threads : {0, 2, 5}) {
    MmdOptions other = options;
    other.threads = threads;
    const MmdResult again = Mmd(x, y, 5, other);
    EXPECT_EQ(again.mmd2, result.mmd2);
    EXPECT_EQ(again.p_value, result.p_value);
    EXPECT_EQ(again.bandwidth, result.bandwidth);
  }
  MmdOptions other = options;
  other.seed = 4;
  const std::vector<float> few(x.begin(), x.begin() + 30);
  EXPECT_NE(Mmd(x, few, 5, other).mmd2, Mmd(x, few, 5, options).mmd2) << "other rows of x are drawn";
  EXPECT_NE(Mmd(few, y, 5, other).mmd2, Mmd(few, y, 5, options).mmd2) << "other rows of y are drawn";
  other.max_rows = 100;
  EXPECT_NEAR(Mmd(x, y, 5, other).mmd2, Mmd(y, x, 5, other).mmd2, 1e-12);
}

TEST(MmdTestTest, UsesARandomPartOfALargerSide) {
  // Sorted: the first or the last ten rows alone would be far from the other side.
  std::vector<float> x(1000);
  std::iota(x.begin(), x.end(), 0.0F);
  const std::vector<float> y = {495, 2, 999, 250, 750, 600, 400};
  const MmdResult result = Mmd(x, y, 1, {.permutations = 199, .max_rows = 50});
  EXPECT_EQ(result.x_rows, 50U);
  EXPECT_EQ(result.y_rows, 7U);
  EXPECT_GT(result.p_value, 0.2);
  const std::vector<float> head(x.begin(), x.begin() + 50);
  EXPECT_LT(Mmd(head, y, 1, {.permutations = 199}).p_value, 0.05) << "the head is not the whole";
}

TEST(MmdTestTest, NamesWhatIsWrong) {
  const std::vector<float> two = {1, 2};
  const std::vector<float> four = {1, 2, 3, 4};
  const auto message = [](const EmbeddingRows& x, const EmbeddingRows& y, const MmdOptions& options = {}) {
    const auto result = MmdTest(x, y, options);
    EXPECT_EQ(result.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(result.status().message());
  };
  EXPECT_THAT(message({two, 2}, {four, 2}), HasSubstr("x has 1 embeddings; the test needs at least 2"));
  EXPECT_THAT(message({four, 2}, {{}, 2}), HasSubstr("y has 0 embeddings; the test needs at least 2"));
  EXPECT_THAT(message({four, 2}, {four, 1}), HasSubstr("of 2 and of 1 numbers"));
  EXPECT_THAT(message({four, 0}, {four, 1}), HasSubstr("don't make rows of 0"));
  EXPECT_THAT(message({four, 1}, {four, 3}), HasSubstr("y: 4 numbers don't make rows of 3"));
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity(), 2e15F}) {
    const std::vector<float> broken = {1, 2, 3, 4, bad, 6};
    EXPECT_THAT(message({four, 2}, {broken, 2}), HasSubstr("embedding 2 of y"));
  }
  EXPECT_THAT(message({four, 1}, {four, 1}, {.permutations = 0}), HasSubstr("permutations"));
  EXPECT_THAT(message({four, 1}, {four, 1}, {.max_rows = 1}), HasSubstr("max_rows"));
  EXPECT_THAT(message({four, 1}, {four, 1}, {.max_rows = 8001}), HasSubstr("max_rows"));
}

KolmogorovSmirnovResult Compare(const std::vector<double>& a, const std::vector<double>& b) {
  const auto result = KolmogorovSmirnov(a, b);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.value_or(KolmogorovSmirnovResult{});
}

TEST(KolmogorovSmirnovTest, HandWorkedDistances) {
  EXPECT_EQ(Compare({1, 2, 3}, {4, 5}).distance, 1);
  EXPECT_EQ(Compare({4, 5}, {3, 1, 2}).distance, 1) << "in any order";
  EXPECT_DOUBLE_EQ(Compare({1, 3, 5, 7}, {2, 3, 6}).distance, 1.0 / 4) << "up to 1; up to 3 it is 2/3 - 1/2";
  EXPECT_DOUBLE_EQ(Compare({1, 1, 1, 2}, {1, 2, 2, 2}).distance, 0.5) << "a tie is passed as a whole";
  EXPECT_EQ(Compare({2, 1, 1}, {1, 1, 2, 1, 2, 1}).distance, 0);
  EXPECT_EQ(Compare({2, 1, 1}, {1, 1, 2, 1, 2, 1}).p_value, 1);
  EXPECT_EQ(Compare({-0.0}, {0.0}).distance, 0);
}

// 0 to 199 against the same moved up: D = shift / 200, so D·√(n·m/(n + m)) = shift / 20.
double ShiftedP(int shift) {
  std::vector<double> a(200);
  std::iota(a.begin(), a.end(), 0.0);
  std::vector<double> b = a;
  for (double& value : b) value += shift;
  return Compare(a, b).p_value;
}

TEST(KolmogorovSmirnovTest, PIsOfSmirnovsTable) {
  EXPECT_NEAR(ShiftedP(10), 1 - 0.036055, 1e-6);  // L(0.50)
  EXPECT_NEAR(ShiftedP(20), 1 - 0.730000, 1e-6);  // L(1.00)
  EXPECT_NEAR(ShiftedP(30), 1 - 0.977782, 1e-6);  // L(1.50)
  EXPECT_NEAR(ShiftedP(40), 1 - 0.999329, 1e-6);  // L(2.00)
  EXPECT_EQ(ShiftedP(1), 1);
  EXPECT_NEAR(ShiftedP(4), 1, 1e-11) << "where the series begins to be used";
  for (int shift = 1; shift < 200; ++shift) EXPECT_LE(ShiftedP(shift + 1), ShiftedP(shift));
  EXPECT_GT(ShiftedP(200), 0);
}

// Share of the orders of n + m different values in which D reaches steps / (n·m), by counting lattice paths.
double ExactP(int n, int m, int steps) {
  std::vector<double> inside(static_cast<size_t>(m) + 1);
  std::vector<double> all(inside.size());
  for (int i = 0; i <= n; ++i) {
    for (int j = 0; j <= m; ++j) {
      const auto at = static_cast<size_t>(j);
      const double before = i == 0 && j == 0 ? 1 : (i > 0 ? inside[at] : 0) + (j > 0 ? inside[at - 1] : 0);
      inside[at] = std::abs(i * m - j * n) >= steps ? 0 : before;
      all[at] = i == 0 || j == 0 ? 1 : all[at] + all[at - 1];
    }
  }
  return 1 - inside.back() / all.back();
}

TEST(KolmogorovSmirnovTest, PIsNearTheExactOneAndHardlyBelow) {
  EXPECT_NEAR(ExactP(5, 5, 20), 20.0 / 252, 1e-12) << "the reference itself, by hand: D = 0.8";
  SeededRandom random(11);
  for (const auto& [n, m] : {std::pair{5, 5}, {7, 9}, {20, 20}, {20, 31}, {50, 51}, {100, 100}}) {
    for (int repetition = 0; repetition < 40; ++repetition) {
      std::vector<double> a(static_cast<size_t>(n));
      std::vector<double> b(static_cast<size_t>(m));
      for (double& value : a) value = random.Uniform();
      for (double& value : b) value = random.Uniform() + 0.02 * repetition;
      const auto result = Compare(a, b);
      const double exact = ExactP(n, m, static_cast<int>(std::lround(result.distance * n * m)));
      EXPECT_NEAR(result.p_value, exact, 0.2 / std::sqrt(std::min(n, m)) + 0.06);
      if (exact < 0.2 && exact > 1e-9) {
        EXPECT_GT(result.p_value, 0.97 * exact) << n << " and " << m;
      }
    }
  }
}

TEST(KolmogorovSmirnovTest, RefusesNothingAndWhatIsNoNumber) {
  const std::vector<double> good = {1, 2};
  for (const std::vector<double>& bad : {std::vector<double>{}, {1, kNan}, {kInfinity}, {-kInfinity, 3}}) {
    EXPECT_EQ(KolmogorovSmirnov(good, bad).status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_EQ(KolmogorovSmirnov(bad, good).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

std::vector<ClassCoverage> CoverageOf(const std::vector<int64_t>& labelled,
                                      const std::vector<double>& expected) {
  const auto result = CoverageOfClasses(labelled, expected, expected);
  EXPECT_TRUE(result.ok()) << result.status();
  return result.value_or(std::vector<ClassCoverage>(labelled.size()));
}

TEST(CoverageOfClassesTest, MissingThinAndEnough) {
  const auto coverage = CoverageOf({0, 1, 29, 30}, {0, 1, 29, 30});
  const double shares[] = {0, 1 / 60.0, 29 / 60.0, 0.5};
  for (size_t c = 0; c < 4; ++c) {
    EXPECT_EQ(coverage[c].missing, c == 0);
    EXPECT_EQ(coverage[c].thin, c <= 2);
    EXPECT_FALSE(coverage[c].underrepresented);
    EXPECT_DOUBLE_EQ(coverage[c].labelled_share, shares[c]);
    EXPECT_DOUBLE_EQ(coverage[c].expected_share, coverage[c].labelled_share);
  }
  EXPECT_EQ(coverage[0].p_value, 1) << "expected nowhere";
}

TEST(CoverageOfClassesTest, HandWorkedP) {
  // 100 labelled and 300 expected: each box of a class that is seen is a labelled one with probability 1/4.
  const auto coverage = CoverageOf({0, 1, 99}, {10.5, 20, 269.5});
  EXPECT_NEAR(coverage[0].p_value, std::pow(0.75, 10.5), 1e-14);
  EXPECT_NEAR(coverage[1].p_value, std::pow(0.75, 20) * (1 + 20 * 0.25), 1e-14);
}

TEST(CoverageOfClassesTest, PIsTheBinomialsTail) {
  SeededRandom random(12);
  for (int repetition = 0; repetition < 50; ++repetition) {
    const std::vector<int64_t> labelled = {static_cast<int64_t>(random.Below(200)), 150};
    const std::vector<double> expected = {1 + static_cast<double>(random.Below(200)), 120};
    const double labelled_sum = static_cast<double>(labelled[0] + labelled[1]);
    const double share = labelled_sum / (labelled_sum + expected[0] + expected[1]);
    const double trials = static_cast<double>(labelled[0]) + expected[0];
    double tail = 0;
    for (int64_t i = 0; i <= labelled[0]; ++i) {
      const auto hits = static_cast<double>(i);
      tail += std::exp(std::lgamma(trials + 1) - std::lgamma(hits + 1) - std::lgamma(trials - hits + 1) +
                       hits * std::log(share) + (trials - hits) * std::log(1 - share));
    }
    EXPECT_NEAR(CoverageOf(labelled, expected)[0].p_value, tail, 1e-9);
  }
}

TEST(CoverageOfClassesTest, UnderrepresentedTakesHalfTheShareAndMoreThanChance) {
  EXPECT_TRUE(CoverageOf({40, 960}, {1000, 9000})[0].underrepresented) << "4 % of the boxes instead of 10 %";
  EXPECT_FALSE(CoverageOf({40, 960}, {1000, 9000})[0].thin) << "one doesn't follow from the other";
  EXPECT_FALSE(CoverageOf({40, 960}, {1000, 9000})[1].underrepresented);
  EXPECT_FALSE(CoverageOf({4, 96}, {1000, 9000})[0].underrepresented) << "the same shares, but of 100 boxes";
  EXPECT_FALSE(CoverageOf({40, 960}, {3, 27})[0].underrepresented) << "the rest is too small to tell";
  const auto more_than_half = CoverageOf({5100, 94900}, {10000, 90000})[0];
  EXPECT_LT(more_than_half.p_value, 1e-6);
  EXPECT_FALSE(more_than_half.underrepresented);
  EXPECT_TRUE(CoverageOf({0, 100}, {20, 80})[0].underrepresented) << "missing as well";
}

TEST(CoverageOfClassesTest, AModelThatCountsBadlyRaisesNoAlarm) {
  // 16 % of the rest, counted as 29 % by a model that says itself that it may be as few as 16 %.
  const std::vector<int64_t> labelled = {105, 895};
  const std::vector<double> expected = {574, 1426};
  EXPECT_TRUE((*CoverageOfClasses(labelled, expected, expected))[0].underrepresented);
  EXPECT_TRUE((*CoverageOfClasses(labelled, expected, std::vector{400.0, 1300.0}))[0].underrepresented);
  EXPECT_FALSE((*CoverageOfClasses(labelled, expected, std::vector{271.0, 1300.0}))[0].underrepresented);
}

TEST(CoverageOfClassesTest, ManyClassesShareTheChanceOfAFalseAlarm) {
  // p = (10/11)^60 = 0.0033 for the class without boxes: enough among 2 classes, not among 10.
  EXPECT_TRUE(CoverageOf({0, 100}, {60, 940})[0].underrepresented);
  std::vector<int64_t> labelled(10, 10);
  std::vector<double> expected(10, 940.0 / 9);
  labelled[0] = 0;
  labelled[1] = 20;
  expected[0] = 60;
  EXPECT_NEAR(CoverageOf(labelled, expected)[0].p_value, std::pow(10.0 / 11, 60), 1e-12);
  EXPECT_FALSE(CoverageOf(labelled, expected)[0].underrepresented);
}

TEST(CoverageOfClassesTest, NothingLabelledNothingExpectedNoClass) {
  const auto unlabelled = CoverageOf({0, 0}, {50, 5});
  EXPECT_TRUE(unlabelled[0].missing);
  EXPECT_FALSE(unlabelled[0].underrepresented);
  EXPECT_EQ(unlabelled[0].p_value, 1);
  const auto unexpected = CoverageOf({50, 5}, {0, 0});
  EXPECT_EQ(unexpected[0].expected_share, 0);
  EXPECT_FALSE(unexpected[1].underrepresented);
  EXPECT_TRUE(CoverageOf({}, {}).empty());
}

TEST(CoverageOfClassesTest, HugeCountsStayFinite) {
  const auto coverage = CoverageOf({1000000, 3000000}, {2.5e6, 7.5e6});
  EXPECT_NEAR(coverage[0].p_value, 0.5, 0.01);
}

TEST(CoverageOfClassesTest, RefusesImpossibleCounts) {
  const auto code = [](const std::vector<int64_t>& labelled, const std::vector<double>& expected) {
    return CoverageOfClasses(labelled, expected, expected).status().code();
  };
  EXPECT_EQ(CoverageOfClasses(std::vector<int64_t>{1}, std::vector{2.0}, std::vector{2.5}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({1, 2}, {1}), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code({-1}, {1}), absl::StatusCode::kInvalidArgument);
  for (const double bad : {kNan, kInfinity, -0.5})
    EXPECT_EQ(code({1}, {bad}), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace loupe::ranking
