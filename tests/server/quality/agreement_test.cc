#include "server/quality/agreement.h"

#include <gtest/gtest.h>

#include "evaluation/seeded_random.h"

namespace loupe::quality {
namespace {

AnswerBox Box(int place, int32_t label) {
  const auto x = static_cast<float>(20 * place);
  return {{x, 0, x + 10, 10}, label};
}

// The answers that call things so; 0: no box.
AnswerPair Calls(const std::vector<std::pair<int32_t, int32_t>>& things) {
  AnswerPair pair;
  for (size_t i = 0; i < things.size(); ++i) {
    if (things[i].first > 0) pair.first.push_back(Box(static_cast<int>(i), things[i].first));
    if (things[i].second > 0) pair.second.push_back(Box(static_cast<int>(i), things[i].second));
  }
  return pair;
}

TEST(Agreement, WhoAgreesHasAnAlphaOfOne) {
  const Agreement agreement =
      MeasureAgreement(std::vector{Calls({{1, 1}, {2, 2}}), Calls({}), Calls({{1, 1}})}, 2);
  ASSERT_TRUE(agreement.alpha.has_value());
  EXPECT_DOUBLE_EQ(agreement.alpha->value, 1);
  EXPECT_DOUBLE_EQ(agreement.alpha->low, 1);
  EXPECT_EQ(agreement.images, 3u);
  EXPECT_EQ(agreement.things, 3u);
  EXPECT_EQ(agreement.classes[0].both, 2u);
  EXPECT_DOUBLE_EQ(*agreement.mean_iou, 1);
}

// Worked by hand: values 1 1 | 1 2 | 2 2 | 1 0 | 2 2. Counts: three 1s and five 2s … see below.
TEST(Agreement, AlphaIsKrippendorffs) {
  const Agreement agreement =
      MeasureAgreement(std::vector{Calls({{1, 1}, {1, 2}}), Calls({{2, 2}, {1, 0}, {2, 2}})}, 2);
  // n1 = 4, n2 = 5, n0 = 1, n = 10. Observed pairs that differ: 4 of 10. By chance: 90 - (12 + 20 + 0) = 58
  // of 90. alpha = 1 - (4 / 10) / (58 / 90).
  EXPECT_NEAR(agreement.alpha->value, 1 - 0.4 / (58.0 / 90), 1e-12);
  EXPECT_LE(agreement.alpha->low, agreement.alpha->value);
  EXPECT_GE(agreement.alpha->high, agreement.alpha->value);
  EXPECT_EQ(agreement.classes[0].both, 1u);
  EXPECT_EQ(agreement.classes[0].first_only, 1u);
  EXPECT_EQ(agreement.classes[0].other_class, 1u);
  EXPECT_EQ(agreement.classes[1].both, 2u);
  EXPECT_EQ(agreement.classes[1].other_class, 1u);
}

TEST(Agreement, WhereNothingCouldDifferThereIsNone) {
  EXPECT_FALSE(MeasureAgreement({}, 2).alpha.has_value());
  EXPECT_FALSE(MeasureAgreement(std::vector{Calls({{1, 1}}), Calls({{1, 1}})}, 2).alpha.has_value());
  EXPECT_FALSE(MeasureAgreement(std::vector{Calls({})}, 2).mean_iou.has_value());
}

TEST(Agreement, WhoGuessesHasAnAlphaOfAboutZero) {
  evaluation::SeededRandom random(7);
  std::vector<AnswerPair> pairs;
  for (int image = 0; image < 400; ++image) {
    std::vector<std::pair<int32_t, int32_t>> things;
    for (int thing = 0; thing < 3; ++thing) {
      things.emplace_back(1 + static_cast<int32_t>(random.Below(3)),
                          1 + static_cast<int32_t>(random.Below(3)));
    }
    pairs.push_back(Calls(things));
  }
  const Agreement agreement = MeasureAgreement(pairs, 3);
  EXPECT_NEAR(agreement.alpha->value, 0, 0.06);
  EXPECT_LT(agreement.alpha->low, 0.02);
  EXPECT_GT(agreement.alpha->high, -0.02);
}

// The interval holds what many images would say, in about 95 of 100 samples.
TEST(Agreement, TheIntervalHoldsTheTruth) {
  const auto sample = [](uint64_t seed, int images) {
    evaluation::SeededRandom random(seed);
    std::vector<AnswerPair> pairs;
    for (int image = 0; image < images; ++image) {
      std::vector<std::pair<int32_t, int32_t>> things;
      for (uint64_t thing = random.Below(5); thing-- > 0;) {
        const auto label = 1 + static_cast<int32_t>(random.Below(3));
        const double luck = random.Uniform();
        things.emplace_back(label, luck < 0.1 ? 0 : luck < 0.2 ? 1 + label % 3 : label);
      }
      pairs.push_back(Calls(things));
    }
    return MeasureAgreement(pairs, 3, {.resamples = 300, .level = 0.95, .seed = seed}).alpha.value();
  };
  const double truth = sample(1, 20000).value;
  int held = 0;
  for (uint64_t seed = 2; seed < 202; ++seed) {
    const Interval interval = sample(seed, 80);
    held += interval.low <= truth && truth <= interval.high;
  }
  EXPECT_GE(held, 180);
  EXPECT_LE(held, 199);
}

}  // namespace
}  // namespace loupe::quality
