#include "client/cli/oracle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace loupe {
namespace {

v1::Box MakeBox(float x1, float y1, float x2, float y2) {
  v1::Box box;
  box.set_x1(x1);
  box.set_y1(y1);
  box.set_x2(x2);
  box.set_y2(y2);
  return box;
}

v1::PredictedBox Predicted(uint32_t index, uint32_t label, const v1::Box& box) {
  v1::PredictedBox predicted;
  predicted.set_index(index);
  predicted.set_label(label);
  *predicted.mutable_box() = box;
  return predicted;
}

std::string Text(const v1::Box& box) {
  return testing::PrintToString(std::vector<float>{box.x1(), box.y1(), box.x2(), box.y2()});
}

TEST(Oracle, IouOfHandWorkedBoxes) {
  // Two 10 x 10 boxes that share a 5 x 10 strip: 50 / 150.
  EXPECT_DOUBLE_EQ(IouOf(MakeBox(0, 0, 10, 10), MakeBox(5, 0, 15, 10)), 1.0 / 3);
  EXPECT_DOUBLE_EQ(IouOf(MakeBox(0, 0, 10, 10), MakeBox(0, 0, 10, 10)), 1);
  EXPECT_DOUBLE_EQ(IouOf(MakeBox(0, 0, 10, 10), MakeBox(10, 0, 20, 10)), 0);
}

TEST(Review, KeepsACloseBoxOfTheRightClassAsItIs) {
  const v1::Box predicted = MakeBox(0, 0, 100, 95);  // IoU 0.95
  const auto boxes = Review({Predicted(3, 1, predicted)}, {{MakeBox(0, 0, 100, 100), 1}});
  ASSERT_EQ(boxes.size(), 1u);
  EXPECT_EQ(Text(boxes[0].box()), Text(predicted));
  EXPECT_EQ(boxes[0].predicted_index(), 3u);
  EXPECT_EQ(boxes[0].label(), 1u);
}

TEST(Review, MovesALooseBoxToTheTruth) {
  const v1::Box truth = MakeBox(0, 0, 100, 100);
  const auto boxes = Review({Predicted(0, 1, MakeBox(0, 0, 100, 70))}, {{truth, 1}});  // IoU 0.7
  ASSERT_EQ(boxes.size(), 1u);
  EXPECT_EQ(Text(boxes[0].box()), Text(truth));
  EXPECT_TRUE(boxes[0].has_predicted_index());
}

TEST(Review, GivesAWrongClassTheTruths) {
  const auto boxes = Review({Predicted(0, 2, MakeBox(0, 0, 100, 95))}, {{MakeBox(0, 0, 100, 100), 1}});
  ASSERT_EQ(boxes.size(), 1u);
  EXPECT_EQ(boxes[0].label(), 1u);
  EXPECT_TRUE(boxes[0].has_predicted_index());
}

TEST(Review, DrawsWhatIsMissingAndRemovesWhatIsNotThere) {
  const v1::Box truth = MakeBox(0, 0, 10, 10);
  const auto boxes = Review({Predicted(0, 1, MakeBox(50, 50, 60, 60))}, {{truth, 1}});
  ASSERT_EQ(boxes.size(), 1u);
  EXPECT_FALSE(boxes[0].has_predicted_index());
  EXPECT_EQ(Text(boxes[0].box()), Text(truth));
}

TEST(Review, ABoxBelowHalfIsNoMatch) {
  // IoU 0.49: drawn afresh.
  const auto boxes = Review({Predicted(0, 1, MakeBox(0, 0, 100, 49))}, {{MakeBox(0, 0, 100, 100), 1}});
  ASSERT_EQ(boxes.size(), 1u);
  EXPECT_FALSE(boxes[0].has_predicted_index());
}

TEST(Review, MatchesOneToOneBestFirst) {
  const std::vector<TruthBox> truth = {{MakeBox(0, 0, 100, 100), 1}};
  const auto boxes =
      Review({Predicted(0, 1, MakeBox(0, 0, 100, 80)), Predicted(1, 1, MakeBox(0, 0, 100, 92))}, truth);
  ASSERT_EQ(boxes.size(), 1u);
  EXPECT_EQ(boxes[0].predicted_index(), 1u);
}

TEST(Review, PrefersTheRightClassToABetterFit) {
  const std::vector<TruthBox> truth = {{MakeBox(0, 0, 100, 100), 1}};
  const auto boxes =
      Review({Predicted(0, 2, MakeBox(0, 0, 100, 99)), Predicted(1, 1, MakeBox(0, 0, 100, 80))}, truth);
  ASSERT_EQ(boxes.size(), 1u);
  EXPECT_EQ(boxes[0].predicted_index(), 1u);
}

TEST(Review, DrawsARegionToIgnoreWhateverIsPredictedThere) {
  const auto boxes = Review({Predicted(0, 1, MakeBox(0, 0, 10, 10))}, {{MakeBox(0, 0, 10, 10), 1, true}});
  ASSERT_EQ(boxes.size(), 1u);
  EXPECT_TRUE(boxes[0].ignore());
  EXPECT_FALSE(boxes[0].has_predicted_index());
}

TEST(Review, ResultDoesNotDependOnTheOrderOfTruth) {
  std::vector<TruthBox> truth = {
      {MakeBox(0, 0, 50, 50), 1}, {MakeBox(60, 60, 90, 90), 2}, {MakeBox(10, 0, 60, 50), 1}};
  const std::vector<v1::PredictedBox> predictions = {Predicted(0, 1, MakeBox(2, 0, 52, 50)),
                                                     Predicted(1, 2, MakeBox(60, 60, 88, 91))};
  const auto sorted = [&] {
    std::vector<std::string> text;
    for (const v1::CorrectedBox& box : Review(predictions, truth)) text.push_back(box.SerializeAsString());
    std::sort(text.begin(), text.end());
    return text;
  };
  const auto first = sorted();
  std::reverse(truth.begin(), truth.end());
  EXPECT_EQ(sorted(), first);
}

class DrawBlindTest : public testing::Test {
 protected:
  DrawBlindTest() {
    image_.set_width(1000);
    image_.set_height(500);
    for (int i = 0; i < 1000; ++i) truth_.push_back({MakeBox(950, 100, 1000, 140), 1});
  }
  v1::Image image_;
  std::vector<TruthBox> truth_;
};

TEST_F(DrawBlindTest, WithoutErrorsIsTheTruth) {
  std::mt19937_64 random(1);
  const auto boxes = DrawBlind(truth_, image_, 0, random);
  ASSERT_EQ(boxes.size(), truth_.size());
  for (const v1::CorrectedBox& box : boxes) {
    EXPECT_EQ(Text(box.box()), Text(truth_[0].box));
    EXPECT_FALSE(box.has_predicted_index());
  }
}

TEST_F(DrawBlindTest, ErrorsHaveTheirRateAndStayBoxes) {
  std::mt19937_64 random(1);
  const auto boxes = DrawBlind(truth_, image_, 0.4, random);
  // 1000 boxes, a fifth missed: 200 with a standard deviation of 12.6; five of them either way.
  EXPECT_NEAR(static_cast<double>(boxes.size()), 800, 63);
  int moved = 0;
  for (const v1::CorrectedBox& box : boxes) {
    EXPECT_LT(box.box().x1(), box.box().x2());
    EXPECT_LT(box.box().y1(), box.box().y2());
    EXPECT_LE(box.box().x2(), 1000);
    moved += Text(box.box()) != Text(truth_[0].box);
  }
  EXPECT_NEAR(moved, 200, 63);
}

TEST_F(DrawBlindTest, RepeatsItselfFromItsSeed) {
  std::mt19937_64 first(7), second(7);
  const auto a = DrawBlind(truth_, image_, 0.5, first);
  const auto b = DrawBlind(truth_, image_, 0.5, second);
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) EXPECT_EQ(a[i].SerializeAsString(), b[i].SerializeAsString());
}

TEST(OracleFile, FindsByFileNameAndRefusesForeignClasses) {
  v1::Project project;
  project.add_classes()->set_label(1);
  project.mutable_classes(0)->set_name("scratch");
  CocoFile coco;
  coco.images = {{.id = 7, .file_name = "a/b.jpg", .width = 100, .height = 100},
                 {.id = 8, .file_name = "clean.jpg"}};
  coco.categories = {{.id = 40, .name = "scratch"}, {.id = 41, .name = "dent"}};
  coco.annotations = {{.id = 1, .image_id = 7, .category_id = 40, .bbox = {10, 20, 30, 40}}};
  const auto oracle = Oracle::FromCoco(coco, ClassNames(project));
  ASSERT_TRUE(oracle.ok()) << oracle.status();
  ASSERT_NE(oracle->Find("a/b.jpg"), nullptr);
  ASSERT_EQ(oracle->Find("a/b.jpg")->size(), 1u);
  EXPECT_EQ(Text(oracle->Find("a/b.jpg")->at(0).box), Text(MakeBox(10, 20, 40, 60)));
  ASSERT_NE(oracle->Find("clean.jpg"), nullptr);
  EXPECT_TRUE(oracle->Find("clean.jpg")->empty());
  EXPECT_EQ(oracle->Find("b.jpg"), nullptr);

  coco.annotations[0].category_id = 41;
  const auto foreign = Oracle::FromCoco(coco, ClassNames(project));
  EXPECT_EQ(foreign.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(foreign.status().message()), testing::HasSubstr("dent"));
}

}  // namespace
}  // namespace loupe
