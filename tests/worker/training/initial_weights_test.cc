// Fine-tuning and shrink-and-perturb: which numbers a training starts from.
#include "worker/training/initial_weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <memory>

#include "absl/strings/match.h"
#include "recipe/presets.h"
#include "recipe/recipe.h"
#include "worker/detection/faster_rcnn.h"

namespace loupe {
namespace {

using detection::FasterRcnn;
using Tensors = std::map<std::string, torch::Tensor>;

std::shared_ptr<FasterRcnn> Fresh(uint64_t seed) {
  torch::manual_seed(seed);
  return std::make_shared<FasterRcnn>(*PresetDetector("small"), 2);
}

v1::DetectorRecipe Detector(const std::string& fields) {
  const auto recipe = ParseRecipe("detector { " + fields + " }");
  EXPECT_TRUE(recipe.ok()) << recipe.status();
  return recipe->detector();
}

// A parent whose batch norms have seen something.
Tensors Parent() {
  Tensors parent = detection::StateDict(*Fresh(1));
  for (auto& [name, tensor] : parent) {
    if (absl::EndsWith(name, "running_mean")) tensor.fill_(0.25F);
    if (absl::EndsWith(name, "running_var")) tensor.fill_(4);
  }
  return parent;
}

bool IsStatistic(const std::string& name) { return absl::StrContains(name, ".running_"); }

TEST(InitialWeightsTest, AreTakenAsTheyAreByDefault) {
  const Tensors parent = Parent();
  const auto model = Fresh(2);
  const auto report = TakeInitialWeights(parent, Detector(""), *model);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_TRUE(report->complete());
  for (const auto& [name, tensor] : detection::StateDict(*model)) {
    EXPECT_TRUE(torch::equal(tensor, parent.at(name))) << name;
  }
  EXPECT_EQ(detection::FrozenNorms(*model).size(), 15u)
      << "1 of the stem, 2 a block, 2 downsamplings: all of them";
}

TEST(InitialWeightsTest, ShrinkAndPerturbMixesTrainedWeightsWithFreshOnes) {
  const Tensors parent = Parent();
  const Tensors fresh = detection::StateDict(*Fresh(2));
  const auto model = Fresh(2);
  ASSERT_TRUE(TakeInitialWeights(parent, Detector("init_shrink: 0.5 init_perturb: 0.25"), *model).ok());
  for (const auto& [name, tensor] : detection::StateDict(*model)) {
    const torch::Tensor expected =
        IsStatistic(name) ? parent.at(name) : 0.5 * parent.at(name) + 0.25 * fresh.at(name);
    EXPECT_TRUE(torch::allclose(tensor, expected, 1e-6, 1e-8)) << name;
  }
  // Scale of a batch norm: 0.5 * 1 + 0.25 * 1.
  EXPECT_EQ(detection::StateDict(*model).at("backbone.body.bn1.weight")[0].item<float>(), 0.75F);
  EXPECT_TRUE(detection::FrozenNorms(*model).empty()) << "statistics follow the new weights";
}

TEST(InitialWeightsTest, LayersThatAreNotTrainedKeepTheirWeightsAndNorms) {
  const Tensors parent = Parent();
  const auto model = Fresh(2);
  // Of the stem and layers 1 to 4 the uppermost two are trained; `small` has no layer 4, so that layer 3 is
  // left.
  ASSERT_TRUE(
      TakeInitialWeights(parent, Detector("trainable_layers: 2 init_shrink: 0.5 init_perturb: 0.5"), *model)
          .ok());
  const std::vector<std::string> frozen = detection::FrozenNorms(*model);
  for (const auto& [name, tensor] : detection::StateDict(*model)) {
    const bool trained =
        !absl::StartsWith(name, "backbone.body.") || absl::StartsWith(name, "backbone.body.layer3");
    EXPECT_TRUE(trained || torch::equal(tensor, parent.at(name))) << name;
    const size_t statistics = name.rfind(".running_var");
    if (statistics == std::string::npos) continue;
    EXPECT_EQ(std::count(frozen.begin(), frozen.end(), name.substr(0, statistics)), trained ? 0 : 1) << name;
  }
  EXPECT_FALSE(frozen.empty());
  const std::string trained = "backbone.body.layer3.0.conv1.weight";
  EXPECT_FALSE(torch::equal(detection::StateDict(*model).at(trained), parent.at(trained)));
}

// Heads for another number of classes are not taken, and so not mixed either.
TEST(InitialWeightsTest, WhatIsNotTakenStartsFresh) {
  Tensors parent = Parent();
  const std::string head = "roi_heads.box_predictor.cls_score.weight";
  parent.at(head) = torch::zeros({7, parent.at(head).size(1)});
  const auto model = Fresh(2);
  ASSERT_TRUE(TakeInitialWeights(parent, Detector("init_shrink: 0.5"), *model).ok());
  EXPECT_TRUE(torch::equal(detection::StateDict(*model).at(head), detection::StateDict(*Fresh(2)).at(head)));
}

}  // namespace
}  // namespace loupe
