#include "server/quality/planted_error.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "evaluation/seeded_random.h"

namespace loupe::quality {
namespace {

constexpr PlantedKind kKinds[] = {PlantedKind::kShifted, PlantedKind::kRelabelled, PlantedKind::kInvented,
                                  PlantedKind::kDeleted};
const std::vector<int32_t> kLabels = {1, 2, 4};

AnswerBox At(float x, float y, int32_t label) { return {{x, y, x + 20, y + 16}, label}; }

// Things apart from each other, in a picture of 300 x 200.
PlantingImage ImageWith(size_t things) {
  PlantingImage image{{}, 300, 200};
  for (size_t i = 0; i < things; ++i) {
    image.truth.push_back(At(10 + 60 * static_cast<float>(i % 4), 10 + 50 * static_cast<float>(i / 4),
                             kLabels[i % kLabels.size()]));
  }
  return image;
}

// Boxes apart from each other, in a picture of 600 x 400.
Pattern PatternOf(size_t boxes) {
  Pattern pattern{{}, 0.3F, 600, 400};
  for (size_t i = 0; i < boxes; ++i) {
    const float x = 50 + 100 * static_cast<float>(i);
    pattern.boxes.push_back(
        {{{x, 200, x + 40, 232}, kLabels[i % kLabels.size()]}, 0.91F - 0.07F * static_cast<float>(i)});
  }
  return pattern;
}

// An image in which each of the pattern's boxes has its thing; where one is to be missing or to be called
// something else, one more.
PlantingImage ImageFor(size_t boxes, PlantedKind kind) {
  const bool has_more = kind == PlantedKind::kDeleted || kind == PlantedKind::kRelabelled;
  return ImageWith(has_more ? boxes + 1 : boxes);
}

std::optional<PlantedTask> Plant(size_t boxes, PlantedKind kind, uint64_t seed) {
  return PlantError(std::vector{ImageFor(boxes, kind)}, PatternOf(boxes), kind, seed);
}

TEST(PlantedError, ATaskLooksLikeItsPatternAndHasOneError) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    for (const PlantedKind kind : kKinds) {
      const size_t boxes = 1 + seed % 5;
      const PlantingImage image = ImageFor(boxes, kind);
      const auto task = Plant(boxes, kind, seed);
      ASSERT_TRUE(task.has_value()) << static_cast<int>(kind) << " " << seed;
      const Pattern pattern = PatternOf(boxes);
      ASSERT_EQ(task->boxes.size(), boxes);
      size_t right = 0;
      Answer kept;
      for (size_t i = 0; i < boxes; ++i) {
        const ShownBox& one = task->boxes[i];
        kept.push_back(one.box);
        EXPECT_EQ(one.box.label, pattern.boxes[i].box.label);
        EXPECT_NEAR(one.score, pattern.boxes[i].score, 0.3);
        EXPECT_GE(one.score, pattern.least_score);
        EXPECT_LE(one.score, i == 0 ? 1 : task->boxes[i - 1].score);
        EXPECT_GE(one.box.corners[0], 0);
        EXPECT_LE(one.box.corners[2], image.width);
        EXPECT_LT(one.box.corners[1], one.box.corners[3]);
        right += std::any_of(image.truth.begin(), image.truth.end(), [&](const AnswerBox& truth) {
          return truth.label == one.box.label && Iou(truth, one.box) >= 0.5;
        });
      }
      EXPECT_EQ(right, kind == PlantedKind::kDeleted ? boxes : boxes - 1) << static_cast<int>(kind);
      EXPECT_FALSE(IsCaught(task->kind, task->error, kept)) << "all that is shown is kept";
      EXPECT_TRUE(IsCaught(task->kind, task->error, image.truth)) << "the truth is answered";
    }
  }
}

TEST(PlantedError, ARejectedErrorIsCaughtAndARejectedThingIsNot) {
  for (const PlantedKind kind : {PlantedKind::kShifted, PlantedKind::kRelabelled, PlantedKind::kInvented}) {
    const auto task = Plant(3, kind, 5);
    ASSERT_TRUE(task.has_value());
    Answer without;
    for (const ShownBox& one : task->boxes) {
      if (one.box.corners != task->error.corners) without.push_back(one.box);
    }
    EXPECT_EQ(without.size(), 2u);
    EXPECT_TRUE(IsCaught(task->kind, task->error, without));
  }
  const auto deleted = Plant(3, PlantedKind::kDeleted, 5);
  EXPECT_FALSE(IsCaught(deleted->kind, deleted->error, {}));
}

TEST(PlantedError, TheImageIsTheOneMostLikeThePattern) {
  const Pattern pattern{{{{{10, 10, 50, 90}, 4}, 0.9F}}, 0.3F, 300, 200};
  const auto image = [](float width, float height, int32_t label) {
    return PlantingImage{{{{20, 20, 20 + width, 20 + height}, label}}, 300, 200};
  };
  const std::vector<PlantingImage> images = {image(40, 80, 1), image(80, 40, 4), image(44, 76, 4),
                                             image(20, 20, 4)};
  for (const PlantedKind kind : {PlantedKind::kShifted, PlantedKind::kInvented}) {
    EXPECT_EQ(PlantError(images, pattern, kind, 1)->image, 2u);
  }
}

TEST(PlantedError, TheSurestBoxIsThatOfTheThingLikeIt) {
  const Pattern pattern{{{{{10, 10, 110, 110}, 1}, 0.9F}, {{{200, 10, 210, 20}, 2}, 0.4F}}, 0.3F, 300, 200};
  const PlantingImage image{{{{5, 150, 16, 160}, 2}, {{150, 60, 240, 160}, 1}}, 300, 200};
  PlantingImage with_another = image;
  with_another.truth.push_back({{250, 10, 262, 21}, 4});
  const auto task = PlantError(std::vector{with_another}, pattern, PlantedKind::kDeleted, 3);
  EXPECT_GE(Iou(task->boxes[0].box, image.truth[1]), 0.5);
  EXPECT_GE(Iou(task->boxes[1].box, image.truth[0]), 0.5);
}

TEST(PlantedError, ASecondBoxOfAThingIsImitated) {
  Pattern pattern = PatternOf(1);
  pattern.boxes.push_back(pattern.boxes[0]);
  pattern.boxes[1].box.corners[0] += 20;  // its right half
  pattern.boxes[1].score = 0.4F;
  const auto task = PlantError(std::vector{ImageWith(2)}, pattern, PlantedKind::kDeleted, 1);
  ASSERT_EQ(task->boxes.size(), 2u);
  const auto &first = task->boxes[0].box.corners, &second = task->boxes[1].box.corners;
  EXPECT_NEAR(second[0], (first[0] + first[2]) / 2, 1e-3);
  EXPECT_NEAR(second[2], first[2], 1e-3);
  EXPECT_EQ(task->boxes[1].box.label, task->boxes[0].box.label);
}

TEST(PlantedError, WhereTheImageHasNothingLikeItThePatternsBoxIsShown) {
  const Pattern pattern = PatternOf(2);
  const std::vector<PlantingImage> empty = {ImageWith(0)};
  const auto task = PlantError(empty, pattern, PlantedKind::kInvented, 1);
  ASSERT_TRUE(task.has_value());
  const auto& corners = task->boxes[0].box.corners;
  EXPECT_NEAR(corners[2] - corners[0], 20, 8) << "half as large a picture";
  EXPECT_NEAR(corners[1], 100, 80);
  EXPECT_EQ(task->boxes[1].box.label, pattern.boxes[1].box.label);
  EXPECT_FALSE(PlantError(empty, pattern, PlantedKind::kShifted, 1).has_value());
}

TEST(PlantedError, WhatHasNoPlaceIsNotPlanted) {
  EXPECT_FALSE(PlantError(std::vector{ImageWith(1)}, PatternOf(1), PlantedKind::kRelabelled, 1).has_value());
  EXPECT_FALSE(PlantError({}, PatternOf(1), PlantedKind::kRelabelled, 1).has_value());
  EXPECT_FALSE(PlantError(std::vector{ImageWith(0)}, PatternOf(0), PlantedKind::kInvented, 1).has_value());
  const PlantingImage full{{{{0, 0, 300, 200}, 1}}, 300, 200};
  const Pattern whole{{{{{0, 0, 600, 400}, 1}, 0.9F}}, 0.3F, 600, 400};
  EXPECT_FALSE(PlantError(std::vector{full}, whole, PlantedKind::kInvented, 1).has_value());
}

TEST(PlantedError, TheSameSeedGivesTheSameTask) {
  const auto corners = [](uint64_t seed) { return Plant(3, PlantedKind::kShifted, seed)->error.corners; };
  EXPECT_EQ(corners(4), corners(4));
  EXPECT_NE(corners(4), corners(5));
}

}  // namespace
}  // namespace loupe::quality
