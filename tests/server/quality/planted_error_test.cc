#include "server/quality/planted_error.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

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

std::vector<float> Pattern(size_t boxes) {
  std::vector<float> scores;
  for (size_t i = 0; i < boxes; ++i) scores.push_back(0.31F + 0.05F * static_cast<float>((7 * i) % 10));
  return scores;
}

TEST(PlantedError, ATaskLooksLikeItsPatternAndHasOneError) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    for (const PlantedKind kind : kKinds) {
      const size_t boxes = 1 + seed % 5;
      const PlantingImage image = ImageWith(*TruthCount(kind, boxes));
      const auto task = PlantError(image, Pattern(boxes), kLabels, kind, seed);
      ASSERT_TRUE(task.has_value()) << static_cast<int>(kind) << " " << seed;
      std::vector<float> scores, expected = Pattern(boxes);
      size_t right = 0;
      Answer kept;
      for (const PlantedBox& one : task->boxes) {
        scores.push_back(one.score);
        kept.push_back(one.box);
        EXPECT_NE(std::find(kLabels.begin(), kLabels.end(), one.box.label), kLabels.end());
        EXPECT_GE(one.box.corners[0], 0);
        EXPECT_LE(one.box.corners[2], image.width);
        EXPECT_LT(one.box.corners[1], one.box.corners[3]);
        right += std::any_of(image.truth.begin(), image.truth.end(), [&](const AnswerBox& truth) {
          return truth.label == one.box.label && Iou(truth, one.box) >= 0.5;
        });
      }
      std::sort(expected.begin(), expected.end(), std::greater<>());
      EXPECT_EQ(scores, expected);
      EXPECT_EQ(right, kind == PlantedKind::kDeleted ? boxes : boxes - 1) << static_cast<int>(kind);
      EXPECT_FALSE(IsCaught(task->kind, task->error, kept)) << "all that is shown is kept";
      EXPECT_TRUE(IsCaught(task->kind, task->error, image.truth)) << "the truth is answered";
    }
  }
}

TEST(PlantedError, ARejectedErrorIsCaughtAndARejectedThingIsNot) {
  for (const PlantedKind kind : {PlantedKind::kShifted, PlantedKind::kRelabelled, PlantedKind::kInvented}) {
    const auto task = PlantError(ImageWith(*TruthCount(kind, 3)), Pattern(3), kLabels, kind, 5);
    ASSERT_TRUE(task.has_value());
    Answer without;
    for (const PlantedBox& one : task->boxes) {
      if (one.box.corners != task->error.corners) without.push_back(one.box);
    }
    EXPECT_EQ(without.size(), 2u);
    EXPECT_TRUE(IsCaught(task->kind, task->error, without));
  }
  const auto deleted = PlantError(ImageWith(4), Pattern(3), kLabels, PlantedKind::kDeleted, 5);
  EXPECT_FALSE(IsCaught(deleted->kind, deleted->error, {}));
}

TEST(PlantedError, WhatHasNoPlaceIsNotPlanted) {
  EXPECT_FALSE(TruthCount(PlantedKind::kShifted, 0).has_value());
  EXPECT_EQ(TruthCount(PlantedKind::kDeleted, 0), 1u);
  const std::vector<int32_t> one = {1};
  EXPECT_FALSE(PlantError(ImageWith(1), Pattern(1), one, PlantedKind::kRelabelled, 1).has_value());
  const PlantingImage full{{{{0, 0, 300, 200}, 1}}, 300, 200};
  EXPECT_FALSE(PlantError(full, Pattern(2), kLabels, PlantedKind::kInvented, 1).has_value());
}

TEST(PlantedError, TheSameSeedGivesTheSameTask) {
  const auto task = [](uint64_t seed) {
    return PlantError(ImageWith(3), Pattern(3), kLabels, PlantedKind::kShifted, seed)->error.corners;
  };
  EXPECT_EQ(task(4), task(4));
  EXPECT_NE(task(4), task(5));
}

}  // namespace
}  // namespace loupe::quality
