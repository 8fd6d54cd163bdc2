// What a model learns from: classes and boxes from COCO, repeat factors, the order of the images.
#include "worker/training/training_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include <cmath>
#include <map>
#include <set>

namespace loupe {
namespace {

using testing::ElementsAre;

TrainingImage WithLabels(std::vector<int64_t> labels) {
  std::vector<TrainingBox> boxes;
  for (const int64_t label : labels) boxes.push_back({{1, 2, 3, 4}, label, false});
  return {"image", nullptr, TargetOf(boxes)};
}

TEST(TrainingSetTest, ClassesFollowAscendingCategoryIdsAndCrowdsAreIgnored) {
  CocoFile coco;
  coco.categories = {{9, "dent"}, {4, "scratch"}};
  coco.images = {{1, "a.jpg", 100, 100}, {2, "b.jpg", 100, 100}};
  CocoAnnotation dent;
  dent.image_id = 1;
  dent.category_id = 9;
  dent.bbox = {10, 20, 30, 40};
  CocoAnnotation crowd = dent;
  crowd.iscrowd = true;
  crowd.bbox = {0, 0, 5, 6};
  coco.annotations = {dent, crowd};
  const absl::StatusOr<TrainingSet> set = TrainingSetFromCoco(coco, "/pictures");
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_THAT(set->class_names, ElementsAre("scratch", "dent"));
  ASSERT_EQ(set->images.size(), 2);
  const detection::Target& target = set->images[0].target;
  EXPECT_TRUE(torch::equal(target.boxes, torch::tensor({{10.F, 20.F, 40.F, 60.F}})));
  EXPECT_TRUE(torch::equal(target.labels, torch::tensor({2}, torch::kInt64)));
  EXPECT_TRUE(torch::equal(target.ignore_boxes, torch::tensor({{0.F, 0.F, 5.F, 6.F}})));
  EXPECT_THAT(set->images[1].target.boxes.sizes(), ElementsAre(0, 4));
  EXPECT_EQ(set->images[1].target.labels.numel(), 0);
  const std::vector<TrainingBox> boxes = BoxesOf(target);
  ASSERT_EQ(boxes.size(), 2);
  EXPECT_THAT(boxes[0].corners, ElementsAre(10, 20, 40, 60));
  EXPECT_EQ(boxes[0].label, 2);
  EXPECT_FALSE(boxes[0].ignore);
  EXPECT_THAT(boxes[1].corners, ElementsAre(0, 0, 5, 6));
  EXPECT_TRUE(boxes[1].ignore);
}

TEST(RepeatFactorsTest, RepeatImagesOfRareClasses) {
  // Class 1 is on 4 of 5 images, class 2 on 1 of 5; at t = 0.8: sqrt(0.8 / 0.8) = 1 and sqrt(0.8 / 0.2) = 2.
  const std::vector<TrainingImage> images = {WithLabels({1}), WithLabels({1, 1}), WithLabels({2, 1}),
                                             WithLabels({1}), WithLabels({})};
  const std::vector<double> factors = RepeatFactors(images, 0.8);
  EXPECT_THAT(factors, ElementsAre(1, 1, testing::DoubleEq(2), 1, 1));
  EXPECT_THAT(RepeatFactors(images, 0), testing::Each(1));
}

TEST(SampleOrderTest, EachEpochShowsEachImageAsOftenAsItsFactorSays) {
  SampleOrder order({1, 2, 1.5, 1}, 3);
  std::map<size_t, int> seen;
  uint64_t position = 0;
  constexpr int kEpochs = 400;
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    // An epoch ends when image 0 was shown once more, and all others are due: count over many instead.
    for (int i = 0; i < 5; ++i) ++seen[order.At(position++)];
  }
  // 5 or 6 images an epoch, 5.5 on average.
  const double epochs = kEpochs * 5 / 5.5;
  EXPECT_NEAR(seen[0], epochs, 0.05 * epochs);
  EXPECT_NEAR(seen[1], 2 * epochs, 0.05 * 2 * epochs);
  EXPECT_NEAR(seen[2], 1.5 * epochs, 0.05 * 1.5 * epochs);
  EXPECT_NEAR(seen[3], epochs, 0.05 * epochs);
}

TEST(SampleOrderTest, APositionHoldsTheSameImageWhereverOneComesFrom) {
  SampleOrder walked({1, 1, 1.3, 2, 1}, 8);
  std::vector<size_t> sequence;
  for (uint64_t i = 0; i < 60; ++i) sequence.push_back(walked.At(i));
  SampleOrder jumped({1, 1, 1.3, 2, 1}, 8);
  EXPECT_EQ(jumped.At(47), sequence[47]);
  EXPECT_EQ(jumped.At(3), sequence[3]);
  EXPECT_EQ(std::set<size_t>(sequence.begin(), sequence.end()).size(), 5);
  SampleOrder other({1, 1, 1.3, 2, 1}, 9);
  std::vector<size_t> other_sequence;
  for (uint64_t i = 0; i < 60; ++i) other_sequence.push_back(other.At(i));
  EXPECT_NE(other_sequence, sequence);
}

TEST(HoldOutTest, AnImageKeepsItsSideWhenOthersComeAndGo) {
  const auto names = [](const std::vector<TrainingImage>& images) {
    std::set<std::string> set;
    for (const TrainingImage& image : images) set.insert(image.name);
    return set;
  };
  const auto split = [](int from, int to, uint64_t seed) {
    TrainingSet set;
    for (int i = from; i < to; ++i) set.images.push_back({std::to_string(i) + ".jpg", nullptr, TargetOf({})});
    HoldOut(0.2, seed, set);
    return set;
  };
  const TrainingSet all = split(0, 1000, 3);
  EXPECT_EQ(all.images.size() + all.validation.size(), 1000);
  EXPECT_NEAR(static_cast<double>(all.validation.size()), 200, 50);
  const std::set<std::string> held_out = names(all.validation);
  const TrainingSet part = split(500, 600, 3);
  for (const std::string& name : names(part.validation)) EXPECT_TRUE(held_out.contains(name)) << name;
  for (const std::string& name : names(part.images)) EXPECT_FALSE(held_out.contains(name)) << name;
  EXPECT_NE(names(split(0, 1000, 4).validation), held_out);
}

TEST(HoldOutTest, PseudoLabelsNeverJudge) {
  TrainingSet set;
  for (int i = 0; i < 200; ++i) {
    set.images.push_back({std::to_string(i) + ".jpg", nullptr, TargetOf({}), /*pseudo=*/i % 2 == 1});
  }
  HoldOut(0.5, 3, set);
  EXPECT_GE(set.images.size(), 100u);
  EXPECT_GE(set.validation.size(), 30u);
  for (const TrainingImage& image : set.validation) EXPECT_FALSE(image.pseudo) << image.name;
}

}  // namespace
}  // namespace loupe
