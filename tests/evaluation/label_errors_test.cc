#include "evaluation/label_errors.h"

#include <gtest/gtest.h>

#include <cmath>

namespace loupe::evaluation {
namespace {

constexpr Box kPlace = {10, 10, 40, 40};
constexpr Box kBeside = {30, 10, 40, 40};  // IoU 1/3 with kPlace
constexpr Box kElsewhere = {200, 10, 40, 40};

TrueBox Label(int32_t class_index, Box box) { return {.class_index = class_index, .box = box}; }
DetectedBox Seen(int32_t class_index, Box box, double score) {
  return {.class_index = class_index, .box = box, .score = score};
}

// Labels with the second stage's chances of background and two classes.
struct Given {
  TrueBox label;
  std::vector<float> chances;
};
CheckedImage ImageOf(const std::vector<Given>& labels, const std::vector<DetectedBox>& seen) {
  CheckedImage image;
  for (const Given& one : labels) {
    image.labels.push_back(one.label);
    image.probabilities.push_back(one.chances);
  }
  image.detections = seen;
  return image;
}

// A thousand labels of each class that the model sees, too, so that what it says against one is rare.
std::vector<CheckedImage> Sound() {
  std::vector<CheckedImage> images;
  for (int i = 0; i < 2000; ++i) {
    const int32_t class_index = i % 2;
    images.push_back(
        ImageOf({{Label(class_index, kPlace), {0.1F, 0.9F, 0}}}, {Seen(class_index, kPlace, 0.9)}));
    if (class_index == 1) std::swap(images.back().probabilities[0][1], images.back().probabilities[0][2]);
  }
  return images;
}

std::vector<LabelError> Errors(const CheckedImage& image) {
  std::vector<CheckedImage> images = Sound();
  images.insert(images.begin(), image);
  return FindLabelErrors(images);
}

TEST(LabelErrorsTest, ALabelThatTheModelSeesToo) {
  const CheckedImage image =
      ImageOf({{Label(0, kPlace), {0.1F, 0.85F, 0.05F}}}, {Seen(0, kPlace, 0.9), Seen(1, kPlace, 0.05)});
  EXPECT_TRUE(Errors(image).empty());
}

TEST(LabelErrorsTest, AnotherClass) {
  const CheckedImage image = ImageOf({{Label(0, kPlace), {0.05F, 0.05F, 0.9F}}}, {Seen(1, kPlace, 0.95)});
  const auto errors = Errors(image);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].kind, LabelErrorKind::kWrongClass);
  EXPECT_EQ(errors[0].label, 0);
  EXPECT_EQ(errors[0].class_index, 1);
  EXPECT_EQ(errors[0].box.x, kPlace.x);
  EXPECT_NEAR(errors[0].log_odds, std::log(0.95 / 0.05), 1e-6);
}

TEST(LabelErrorsTest, BesideItsThing) {
  const CheckedImage image = ImageOf({{Label(0, kPlace), {0.9F, 0.09F, 0.01F}}}, {Seen(0, kBeside, 0.9)});
  const auto errors = Errors(image);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].kind, LabelErrorKind::kMoved);
  EXPECT_EQ(errors[0].box.x, kBeside.x);
  EXPECT_NEAR(errors[0].log_odds, std::log(0.9 / 0.09), 1e-5);
}

// The detection beside it is the neighbour's, which has a label of its own.
TEST(LabelErrorsTest, ANeighbourIsNoBetterPlace) {
  const CheckedImage image =
      ImageOf({{Label(0, kPlace), {0.3F, 0.6F, 0.1F}}, {Label(0, kBeside), {0.05F, 0.9F, 0.05F}}},
              {Seen(0, kBeside, 0.95)});
  EXPECT_TRUE(Errors(image).empty());
}

TEST(LabelErrorsTest, NothingIsThere) {
  const CheckedImage image = ImageOf({{Label(0, kPlace), {0.96F, 0.03F, 0.01F}}}, {});
  const auto errors = Errors(image);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].kind, LabelErrorKind::kInvented);
  EXPECT_EQ(errors[0].class_index, -1);
  EXPECT_NEAR(errors[0].log_odds, std::log(0.97 / 0.03), 1e-5);
}

// Of two detections of one thing the surer is proposed; a doubtful one isn't.
TEST(LabelErrorsTest, OneThingWithoutALabel) {
  const CheckedImage image =
      ImageOf({}, {Seen(0, kPlace, 0.7), Seen(1, {12, 10, 40, 40}, 0.9), Seen(1, kElsewhere, 0.45)});
  const auto errors = Errors(image);
  ASSERT_EQ(errors.size(), 1U);
  EXPECT_EQ(errors[0].kind, LabelErrorKind::kMissing);
  EXPECT_EQ(errors[0].label, -1);
  EXPECT_EQ(errors[0].class_index, 1);
  EXPECT_NEAR(errors[0].log_odds, std::log(9.0), 1e-6);
}

TEST(LabelErrorsTest, RegionsToIgnoreAreNotJudged) {
  CheckedImage image = ImageOf({{Label(-1, {0, 0, 100, 100}), {}}}, {Seen(0, kPlace, 0.95)});
  image.labels[0].crowd = true;
  EXPECT_TRUE(Errors(image).empty());
}

TEST(LabelErrorsTest, TheLikeliestOfAllImagesComesFirst) {
  const CheckedImage first = ImageOf({}, {Seen(0, kPlace, 0.8)});
  const CheckedImage second = ImageOf({}, {Seen(0, kPlace, 0.99), Seen(1, kElsewhere, 0.6)});
  std::vector<CheckedImage> images = Sound();
  images.insert(images.begin(), {first, second});
  const auto errors = FindLabelErrors(images);
  ASSERT_EQ(errors.size(), 3U);
  EXPECT_EQ(errors[0].image, 1);
  EXPECT_EQ(errors[1].image, 0);
  EXPECT_EQ(errors[2].image, 1);
  EXPECT_GT(errors[0].log_odds, errors[1].log_odds);
}

// A model that is certain is no more certain than it can know.
TEST(LabelErrorsTest, OddsAreFinite) {
  const CheckedImage image = ImageOf({{Label(0, kPlace), {0, 0, 1}}}, {Seen(1, kElsewhere, 1)});
  const auto errors = Errors(image);
  ASSERT_EQ(errors.size(), 2U);
  for (const LabelError& error : errors) EXPECT_NEAR(error.log_odds, std::log(100.0), 1e-6);
}

// It sees half of the labels of class 0 and is sure of nothing where the others are: that says little of
// each. What it says of the other class stands.
TEST(LabelErrorsTest, AModelThatMissesMuchTellsLittle) {
  std::vector<CheckedImage> images;
  for (int i = 0; i < 200; ++i) {
    const bool seen = i % 2 == 0;
    images.push_back(ImageOf({{Label(0, kPlace), {seen ? 0.1F : 0.99F, seen ? 0.9F : 0.01F, 0}},
                              {Label(1, kElsewhere), {0.1F, 0, 0.9F}}},
                             {}));
  }
  images[7].probabilities[1] = {0.1F, 0.8F, 0.1F};
  const auto errors = FindLabelErrors(images);
  ASSERT_EQ(errors.size(), 101U);
  EXPECT_EQ(errors[0].image, 7);
  EXPECT_EQ(errors[0].kind, LabelErrorKind::kWrongClass);
  EXPECT_NEAR(errors[0].log_odds, std::log(8.0), 1e-5);
  EXPECT_NEAR(errors[1].log_odds, std::log(2.0), 0.05);
}

}  // namespace
}  // namespace loupe::evaluation
