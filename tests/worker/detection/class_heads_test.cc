// Weights of other classes than the training's: rows go by name.
#include "worker/detection/class_heads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "recipe/presets.h"
#include "worker/detection/faster_rcnn.h"
#include "worker/detection/weights.h"

namespace loupe::detection {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr char kScores[] = "roi_heads.box_predictor.cls_score.weight";
constexpr char kDeltas[] = "roi_heads.box_predictor.bbox_pred.bias";

std::shared_ptr<FasterRcnn> Model(int64_t classes) {
  return std::make_shared<FasterRcnn>(*PresetDetector("small"), classes);
}

// Row r of every head holds r.
std::map<std::string, torch::Tensor> Numbered(int64_t classes) {
  std::map<std::string, torch::Tensor> weights = StateDict(*Model(classes));
  for (auto& [name, tensor] : weights) {
    if (name.find("box_predictor") == std::string::npos) continue;
    for (int64_t row = 0; row < tensor.size(0); ++row) tensor[row].fill_(row);
  }
  return weights;
}

TEST(ClassHeadsTest, RowsGoByName) {
  auto weights = Numbered(2);
  const ClassMatch match = MatchClasses({"red", "blue"}, {"blue", "red"}, *Model(2), weights);
  EXPECT_THAT(match.matched, ElementsAre("blue", "red"));
  EXPECT_THAT(match.dropped, IsEmpty());
  EXPECT_THAT(match.fresh, IsEmpty());
  const torch::Tensor& scores = weights.at(kScores);
  EXPECT_EQ(scores[0][0].item<float>(), 0) << "the background stays";
  EXPECT_EQ(scores[1][0].item<float>(), 2);
  EXPECT_EQ(scores[2][0].item<float>(), 1);
  EXPECT_TRUE(torch::equal(weights.at(kDeltas),
                           torch::tensor({0.F, 1.F, 2.F, 3.F, 8.F, 9.F, 10.F, 11.F, 4.F, 5.F, 6.F, 7.F})));
}

TEST(ClassHeadsTest, ClassesThatWereRenamedAndAddedGoByLabel) {
  const auto model = Model(3);
  std::map<std::string, std::string> metadata = WeightMetadata(*Model(2), {"red", "blue"});
  NameClasses({"crimson", "blue", "green"}, metadata);
  EXPECT_THAT(DescribeWeights(metadata)->class_names, ElementsAre("crimson", "blue"));
  auto weights = Numbered(2);
  const ClassMatch match =
      MatchClasses(DescribeWeights(metadata)->class_names, {"crimson", "blue", "green"}, *model, weights);
  EXPECT_THAT(match.fresh, ElementsAre("green"));
  EXPECT_EQ(weights.at(kScores)[1][0].item<float>(), 1);
  EXPECT_EQ(weights.at(kScores)[2][0].item<float>(), 2);
  EXPECT_EQ(weights.at(kScores).size(0), 4);

  std::map<std::string, std::string> none;
  NameClasses({"a"}, none);
  EXPECT_THAT(none, IsEmpty());
}

TEST(ClassHeadsTest, AClassThatTheWeightsLackStartsFresh) {
  auto weights = Numbered(2);
  const auto model = Model(2);
  const ClassMatch match = MatchClasses({"red", "blue"}, {"green", "blue"}, *model, weights);
  EXPECT_THAT(match.matched, ElementsAre("blue"));
  EXPECT_THAT(match.dropped, ElementsAre("red"));
  EXPECT_THAT(match.fresh, ElementsAre("green"));
  EXPECT_EQ(match.Summary(), "1 classes matched by name; dropped: red; fresh: green");
  const torch::Tensor own = model->named_parameters()[kScores];
  EXPECT_TRUE(torch::equal(weights.at(kScores)[1], own[1].detach()));
  EXPECT_EQ(weights.at(kScores)[2][0].item<float>(), 2);
}

TEST(ClassHeadsTest, MoreAndFewerClassesFitTheModel) {
  auto weights = Numbered(3);
  MatchClasses({"a", "b", "c"}, {"c"}, *Model(1), weights);
  EXPECT_EQ(weights.at(kScores).size(0), 2);
  EXPECT_EQ(weights.at(kScores)[1][0].item<float>(), 3);
  weights = Numbered(1);
  MatchClasses({"a"}, {"b", "a", "c"}, *Model(3), weights);
  EXPECT_EQ(weights.at(kScores).size(0), 4);
  EXPECT_EQ(weights.at(kScores)[2][0].item<float>(), 1);
  EXPECT_TRUE(LoadWeights(weights, {}, *Model(3))->mismatched.empty());
}

TEST(ClassHeadsTest, WeightsThatNameNoClassesAreTakenAsTheyAre) {
  auto weights = Numbered(2);
  EXPECT_EQ(MatchClasses({}, {"blue", "red"}, *Model(2), weights).Summary(), "");
  EXPECT_EQ(weights.at(kScores)[1][0].item<float>(), 1);
}

}  // namespace
}  // namespace loupe::detection
