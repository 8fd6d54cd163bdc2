// Two models on the same images: cases by hand, and over a real port.
#include "server/insight/model_comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/server/rounds/round_world.h"

namespace loupe {
namespace {

using ::testing::HasSubstr;

void AddTruth(JudgedImage& image, float x, uint32_t label, bool ignore = false) {
  v1::LabelBox& box = image.truth.emplace_back();
  box.set_label(label);
  box.set_ignore(ignore);
  box.mutable_box()->set_x1(x);
  box.mutable_box()->set_y1(10);
  box.mutable_box()->set_x2(x + 20);
  box.mutable_box()->set_y2(30);
}

void AddBox(v1::ImagePrediction& prediction, float x, uint32_t label, float score) {
  for (const float corner : {x, 10.0F, x + 20, 30.0F}) prediction.add_corners(corner);
  prediction.add_labels(label);
  prediction.add_scores(score);
}

// Four images and two classes.
ComparisonInput FourImages() {
  ComparisonInput input;
  input.class_count = 2;
  input.first.row.message.set_number(3);
  input.second.row.message.set_number(5);
  for (int64_t id = 1; id <= 4; ++id) {
    input.images.push_back({id, {}});
    input.first.predictions[id].set_image_id(id);
    input.second.predictions[id].set_image_id(id);
  }
  PredictionsById& first = input.first.predictions;
  PredictionsById& second = input.second.predictions;
  // The second misses the box.
  AddTruth(input.images[0], 10, 1);
  AddBox(first[1], 10, 1, 0.9F);
  // The first gives the wrong class: a false box and a missed one.
  AddTruth(input.images[1], 10, 1);
  AddBox(first[2], 10, 2, 0.8F);
  AddBox(second[2], 11, 1, 0.7F);
  // A box in the region to ignore counts for neither; the second has a false one beside it.
  AddTruth(input.images[2], 10, 1, /*ignore=*/true);
  AddBox(first[3], 10, 1, 0.95F);
  AddBox(second[3], 10, 1, 0.95F);
  AddBox(second[3], 60, 2, 0.6F);
  // Both find it; the second's false box is below the threshold.
  AddTruth(input.images[3], 10, 2);
  AddBox(first[4], 10, 2, 0.9F);
  AddBox(second[4], 10, 2, 0.9F);
  AddBox(second[4], 60, 2, 0.4F);
  return input;
}

std::vector<uint64_t> CountsOf(const v1::BoxCounts& counts) {
  return {counts.true_positives(), counts.false_positives(), counts.false_negatives()};
}

std::vector<int64_t> IdsOf(const std::vector<v1::ModelDifference>& differences) {
  std::vector<int64_t> ids;
  for (const v1::ModelDifference& difference : differences) ids.push_back(difference.image().id());
  return ids;
}

TEST(ModelComparison, CountsBoxesFromTheThresholdUp) {
  const v1::ModelComparison comparison = CompareModels(FourImages(), 0.5);
  EXPECT_EQ(comparison.first(), 3u);
  EXPECT_EQ(comparison.second(), 5u);
  EXPECT_EQ(comparison.images(), 4u);
  EXPECT_EQ(CountsOf(comparison.first_counts()), (std::vector<uint64_t>{2, 1, 1}));
  EXPECT_EQ(CountsOf(comparison.second_counts()), (std::vector<uint64_t>{2, 1, 1}));
  EXPECT_EQ(comparison.first_better_images(), 2u);
  EXPECT_EQ(comparison.second_better_images(), 1u);
  const v1::ModelComparison lower = CompareModels(FourImages(), 0.3);
  EXPECT_EQ(CountsOf(lower.second_counts()), (std::vector<uint64_t>{2, 2, 1}));
  EXPECT_EQ(lower.first_better_images(), 3u);
}

TEST(ModelComparison, DifferencesAreOfTheSecondModelAndOfEachClass) {
  const v1::ModelComparison comparison = CompareModels(FourImages(), 0.5);
  ASSERT_EQ(comparison.classes_size(), 2);
  EXPECT_EQ(comparison.classes(0).boxes(), 2u) << "the region to ignore is none";
  // Of class 1 each finds one of two. Of class 2 each has its false box behind the right one.
  EXPECT_NEAR(comparison.classes(0).ap50().difference(), 0, 1e-9);
  EXPECT_EQ(comparison.classes(1).boxes(), 1u);
  EXPECT_NEAR(comparison.classes(1).ap50().difference(), 0, 1e-9);
  EXPECT_FALSE(comparison.ap50().has_low()) << "three boxes are too few for an interval";
  ComparisonInput swapped = FourImages();
  AddBox(swapped.second.predictions[1], 10, 1, 0.3F);
  const v1::ModelComparison better = CompareModels(swapped, 0.5);
  EXPECT_NEAR(better.classes(0).ap50().difference(), 1 - 51.0 / 101, 1e-9);
  EXPECT_NEAR(better.ap50().difference(), (1 - 51.0 / 101) / 2, 1e-9);
  EXPECT_DOUBLE_EQ(better.ap50().difference(),
                   better.second_evaluation().ap50() - better.first_evaluation().ap50());
}

TEST(ModelComparison, TheLargestDifferenceComesFirst) {
  ComparisonInput input = FourImages();
  EXPECT_EQ(IdsOf(FindDifferences(input, 0.5, true)), (std::vector<int64_t>{1, 3}));
  EXPECT_EQ(IdsOf(FindDifferences(input, 0.5, false)), (std::vector<int64_t>{2}));
  AddBox(input.second.predictions[3], 90, 2, 0.6F);
  EXPECT_EQ(IdsOf(FindDifferences(input, 0.5, true)), (std::vector<int64_t>{3, 1}));
}

TEST(ModelComparison, ShowsWhatEachModelMakesOfABox) {
  const v1::ModelDifference wrong_class = FindDifferences(FourImages(), 0.5, false).at(0);
  ASSERT_EQ(wrong_class.truth_size(), 1);
  EXPECT_FALSE(wrong_class.truth(0).found_by_first());
  EXPECT_TRUE(wrong_class.truth(0).found_by_second());
  ASSERT_EQ(wrong_class.first().boxes_size(), 1);
  EXPECT_FALSE(wrong_class.first().boxes(0).correct());
  EXPECT_EQ(wrong_class.first().boxes(0).label(), 2u);
  ASSERT_EQ(wrong_class.second().boxes_size(), 1);
  EXPECT_TRUE(wrong_class.second().boxes(0).correct());
  EXPECT_FLOAT_EQ(wrong_class.second().boxes(0).box().x1(), 11);
  EXPECT_FLOAT_EQ(wrong_class.second().boxes(0).box().x2(), 31);
  const v1::ModelDifference region = FindDifferences(FourImages(), 0.5, true).at(1);
  EXPECT_TRUE(region.truth(0).ignore());
  EXPECT_TRUE(region.first().boxes(0).ignored());
  EXPECT_FALSE(region.first().boxes(0).correct());
  EXPECT_EQ(CountsOf(region.first().counts()), (std::vector<uint64_t>{0, 0, 0}));
}

class ComparedModelsTest : public ::testing::Test {
 protected:
  ComparedModelsTest() : world_(20, 60) {
    world_.Label("pool", 0, 10);
    world_.Label("holdout", 0, 60);
  }

  void Train(int round, double quality) {
    world_.Submit("gate { tolerance: 1 }");
    ASSERT_EQ(ScriptedWorker(world_, quality).Finish(round).state(), "done");
  }

  grpc::Status Compare(const std::string& first, const std::string& second, double threshold = 0.5) {
    v1::CompareModelsRequest request;
    request.set_first(first);
    request.set_second(second);
    request.set_score_threshold(threshold);
    return world_.insight->CompareModels(world_.Context(world_.engineer).get(), request, &comparison_);
  }

  grpc::Status List(bool first_better, uint32_t size, const std::string& token) {
    v1::ListModelDifferencesRequest request;
    request.set_first("1");
    request.set_second("2");
    request.set_first_better(first_better);
    request.set_page_size(size);
    request.set_page_token(token);
    return world_.insight->ListModelDifferences(world_.Context(world_.engineer).get(), request, &page_);
  }

  RoundWorld world_;
  v1::ModelComparison comparison_;
  v1::ListModelDifferencesResponse page_;
};

TEST_F(ComparedModelsTest, TheIntervalIsThatOfTheGate) {
  Train(1, 0.3);
  Train(2, 0.9);
  ASSERT_TRUE(Compare("1", "round-2").ok());
  const v1::Gate gate = world_.Get(2).gate();
  EXPECT_EQ(comparison_.images(), gate.images());
  EXPECT_DOUBLE_EQ(comparison_.ap50().difference(), gate.difference());
  EXPECT_DOUBLE_EQ(comparison_.ap50().low(), gate.difference_low());
  EXPECT_DOUBLE_EQ(comparison_.ap50().high(), gate.difference_high());
  EXPECT_GT(comparison_.ap50().low(), 0) << "it finds three times as many";
  EXPECT_DOUBLE_EQ(comparison_.second_evaluation().ap50(), world_.Get(2).evaluation().ap50());
  ASSERT_EQ(comparison_.classes_size(), 2);
  EXPECT_EQ(comparison_.classes(0).boxes(), 30u);
  EXPECT_TRUE(comparison_.classes(0).ap50().has_low());
}

TEST_F(ComparedModelsTest, PagesHoldEachImageOnceWithItsName) {
  Train(1, 0.3);
  Train(2, 0.9);
  ASSERT_TRUE(Compare("1", "2").ok());
  ASSERT_GT(comparison_.second_better_images(), 10u);
  std::set<int64_t> seen;
  std::string token;
  do {
    ASSERT_TRUE(List(false, 7, token).ok());
    for (const v1::ModelDifference& difference : page_.images()) {
      EXPECT_TRUE(seen.insert(difference.image().id()).second);
      EXPECT_FALSE(difference.image().file_name().empty());
      EXPECT_EQ(difference.image().width(), 100u);
      EXPECT_EQ(difference.truth_size(), 1);
    }
    token = page_.next_page_token();
  } while (!token.empty());
  EXPECT_EQ(seen.size(), comparison_.second_better_images());
  EXPECT_EQ(List(false, 7, "x").error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ComparedModelsTest, TheLabelsAreThoseOfNow) {
  Train(1, 0.3);
  Train(2, 0.9);
  ASSERT_TRUE(Compare("1", "2").ok());
  const uint64_t images = comparison_.images();
  world_.database.Sql("UPDATE image SET state = 'excluded', state_reason = 'blurred' WHERE id = " +
                      std::to_string(world_.ImageAt("holdout", 0)));
  ASSERT_TRUE(Compare("1", "2").ok());
  EXPECT_EQ(comparison_.images(), images - 1);
}

TEST_F(ComparedModelsTest, WhatCannotBeComparedIsRefusedWithAReason) {
  Train(1, 0.9);
  const grpc::Status same = Compare("1", "");
  EXPECT_EQ(ReasonOf(same), "SAME_MODEL");
  EXPECT_THAT(same.error_message(), HasSubstr("model 1"));
  EXPECT_EQ(ReasonOf(Compare("1", "9")), "NO_SUCH_MODEL");
  EXPECT_EQ(Compare("1", "2", 1.5).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  Train(2, 0.9);
  world_.database.Sql("DELETE FROM prediction WHERE model_id = (SELECT id FROM model WHERE number = 2)");
  const grpc::Status none = Compare("1", "2");
  EXPECT_EQ(ReasonOf(none), "NO_PREDICTIONS");
  EXPECT_THAT(none.error_message(), HasSubstr("round-2 has predicted no labelled image"));
}

}  // namespace
}  // namespace loupe
