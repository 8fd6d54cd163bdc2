// The moving average of weights, by its definition on numbers worked by hand.
#include "worker/training/weight_average.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include "recipe/presets.h"
#include "worker/detection/faster_rcnn.h"

namespace loupe {
namespace {

using detection::FasterRcnn;

torch::Tensor Parameter(const FasterRcnn& model) {
  return model.named_parameters()["rpn.head.cls_logits.bias"];
}
torch::Tensor Statistic(const FasterRcnn& model) {
  return model.named_buffers()["backbone.body.bn1.running_mean"];
}

void Set(double parameter, double statistic, const FasterRcnn& model) {
  torch::NoGradGuard no_grad;
  Parameter(model).fill_(parameter);
  Statistic(model).fill_(statistic);
}

TEST(WeightAverageTest, KeepsLittleOfItsStartAndThenItsDecay) {
  const FasterRcnn model(*PresetDetector("small"), 2);
  Set(11, 22, model);
  WeightAverage average(0.5, model);
  EXPECT_FALSE(average.model()->is_training());
  // Step 1 keeps 2/11: 11 * 2/11 + 22 * 9/11 = 20; 22 * 2/11 + 0 = 4.
  Set(22, 0, model);
  average.Update(model, 1);
  EXPECT_NEAR(Parameter(*average.model())[0].item<double>(), 20, 1e-5);
  EXPECT_NEAR(Statistic(*average.model())[0].item<double>(), 4, 1e-5);
  // Step 100 would keep 101/110, so it keeps the decay: 20 / 2 + 40 / 2 = 30; 4 / 2 + 8 / 2 = 6.
  Set(40, 8, model);
  average.Update(model, 100);
  EXPECT_NEAR(Parameter(*average.model())[0].item<double>(), 30, 1e-5);
  EXPECT_NEAR(Statistic(*average.model())[0].item<double>(), 6, 1e-5);
  EXPECT_EQ(Parameter(model)[0].item<double>(), 40) << "the weights themselves stay";
}

TEST(WeightAverageTest, WhatIsNotTrainedStaysToTheBit) {
  const FasterRcnn model(*PresetDetector("small"), 2);
  WeightAverage average(0.9, model);
  for (int64_t step = 1; step <= 50; ++step) average.Update(model, step);
  const auto averaged = average.model()->named_parameters();
  for (const auto& item : model.named_parameters()) {
    EXPECT_TRUE(torch::equal(averaged[item.key()], item.value())) << item.key();
  }
}

}  // namespace
}  // namespace loupe
