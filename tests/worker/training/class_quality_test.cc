#include "worker/training/class_quality.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "worker/detection/positive_quality.h"

namespace loupe {
namespace {

TEST(ClassQualityTest, IsTheMeanOfTheStepsWithPositives) {
  ClassQuality quality(3);
  EXPECT_THAT(quality.means(), testing::Each(0));
  quality.Update(torch::tensor({{1.0, 0.0, 0.0}, {2.0, 0.0, 0.0}}));
  EXPECT_DOUBLE_EQ(quality.means()[0], 0.5) << "one step is all there is";
  EXPECT_EQ(quality.means()[1], 0);
  quality.Update(torch::tensor({{3.0, 0.25, 0.0}, {3.0, 1.0, 0.0}}));
  EXPECT_NEAR(quality.means()[0], (0.99 * 0.5 + 1) / 1.99, 1e-12) << "the last step counts a little more";
  EXPECT_DOUBLE_EQ(quality.means()[1], 0.25);
  for (int step = 0; step < 2000; ++step) quality.Update(torch::tensor({{0.8}, {1.0}}).expand({2, 3}));
  EXPECT_NEAR(quality.means()[0], 0.8, 1e-6);
}

TEST(ClassQualityTest, GoesOnFromItsState) {
  ClassQuality first(1);
  first.Update(torch::tensor({{0.3}, {1.0}}));
  ClassQuality second(1);
  second.Restore(first.state());
  for (ClassQuality* quality : {&first, &second}) quality->Update(torch::tensor({{0.9}, {1.0}}));
  EXPECT_EQ(first.means(), second.means());
}

TEST(PositiveQualityTest, HandWorkedCase) {
  const auto boxes = torch::tensor({{0.F, 0.F, 10.F, 10.F}, {0.F, 0.F, 10.F, 10.F}, {0.F, 0.F, 4.F, 4.F}});
  const auto truth = torch::tensor({{0.F, 0.F, 10.F, 10.F}, {0.F, 0.F, 10.F, 5.F}, {8.F, 8.F, 9.F, 9.F}});
  const auto quality = detection::PositiveQuality(torch::tensor({0.5F, 0.25F, 1.F}), boxes, truth,
                                                  torch::tensor({1, 1, 3}, torch::kInt64), 3);
  const auto expected =
      torch::tensor({{0.659754F + 0.329877F, 0.F, 0.F}, {2.F, 0.F, 1.F}});  // 0.5^0.6; 0.25^0.6·0.5^0.4
  EXPECT_TRUE(torch::allclose(quality, expected, 0, 1e-5)) << quality;
}

TEST(PositiveQualityTest, NoPositivesGiveZeros) {
  const auto quality = detection::PositiveQuality(torch::empty({0}), torch::empty({0, 4}),
                                                  torch::empty({0, 4}), torch::empty({0}, torch::kInt64), 2);
  EXPECT_TRUE(quality.equal(torch::zeros({2, 2})));
}

}  // namespace
}  // namespace loupe
