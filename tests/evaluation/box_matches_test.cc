#include "evaluation/box_matches.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <stdexcept>

#include "tests/evaluation/random_scene.h"
#include "tests/evaluation/slow_coco.h"

namespace loupe::evaluation {
namespace {

TrueBox Truth(int32_t image, int32_t class_index, const Box& box, bool crowd = false) {
  return {image, class_index, box, box.width * box.height, crowd, false};
}

std::map<MatchKind, std::vector<BoxMatch>> ByKind(const std::vector<BoxMatch>& matches) {
  std::map<MatchKind, std::vector<BoxMatch>> by_kind;
  for (const BoxMatch& match : matches) by_kind[match.kind].push_back(match);
  return by_kind;
}

// One image with one box of each kind, by hand.
TEST(BoxMatchesTest, TellsTheKindsApart) {
  GroundTruth truth{2, 2, {}};
  truth.boxes = {Truth(0, 0, {0, 0, 10, 10}),   Truth(0, 0, {100, 0, 10, 10}),
                 Truth(0, 1, {200, 0, 10, 10}), Truth(0, 1, {300, 0, 10, 10}),
                 Truth(1, 0, {0, 0, 20, 20}),   Truth(0, 0, {400, 0, 50, 50}, true)};
  const std::vector<DetectedBox> detections = {{0, 0, {0, 0, 10, 10}, 0.9},     // 0: right
                                               {0, 0, {1, 0, 10, 10}, 0.8},     // 1: a second box on it
                                               {0, 1, {100, 0, 10, 10}, 0.7},   // 2: right place, wrong class
                                               {0, 1, {206, 0, 10, 10}, 0.6},   // 3: IoU 40 / 160
                                               {0, 0, {50, 50, 10, 10}, 0.95},  // 4: on nothing
                                               {0, 1, {300, 0, 10, 10}, 0.4},   // 5: below the threshold
                                               {0, 1, {300, 0, 10, 9}, 0.45},   // 6: below the threshold, too
                                               {0, 0, {410, 10, 10, 10}, 0.9}};  // 7: on a region to ignore
  auto found = ByKind(MatchBoxes(truth, detections, 0.5));

  ASSERT_EQ(found[MatchKind::kMatched].size(), 1U);
  EXPECT_EQ(found[MatchKind::kMatched][0].truth, 0);
  EXPECT_EQ(found[MatchKind::kMatched][0].detection, 0);
  EXPECT_EQ(found[MatchKind::kMatched][0].iou, 1);
  ASSERT_EQ(found[MatchKind::kConfused].size(), 1U);
  EXPECT_EQ(found[MatchKind::kConfused][0].truth, 1);
  EXPECT_EQ(found[MatchKind::kConfused][0].detection, 2);
  ASSERT_EQ(found[MatchKind::kBadlyPlaced].size(), 1U);
  EXPECT_EQ(found[MatchKind::kBadlyPlaced][0].truth, 2);
  EXPECT_EQ(found[MatchKind::kBadlyPlaced][0].detection, 3);
  EXPECT_DOUBLE_EQ(found[MatchKind::kBadlyPlaced][0].iou, 0.25);
  ASSERT_EQ(found[MatchKind::kFalsePositive].size(), 2U);
  EXPECT_EQ(found[MatchKind::kFalsePositive][0].detection, 4);
  EXPECT_EQ(found[MatchKind::kFalsePositive][0].truth, -1);
  EXPECT_EQ(found[MatchKind::kFalsePositive][1].detection, 1);
  EXPECT_EQ(found[MatchKind::kFalsePositive][1].truth, 0) << "the box that another one has found";
  ASSERT_EQ(found[MatchKind::kMissed].size(), 2U);
  EXPECT_EQ(found[MatchKind::kMissed][0].truth, 3);
  EXPECT_DOUBLE_EQ(found[MatchKind::kMissed][0].near_score, 0.45);
  EXPECT_EQ(found[MatchKind::kMissed][1].truth, 4);
  EXPECT_EQ(found[MatchKind::kMissed][1].near_score, 0);
}

TEST(BoxMatchesTest, ABoxOfTheRightClassComesBeforeAConfusion) {
  const GroundTruth truth{1, 2, {Truth(0, 0, {0, 0, 10, 10})}};
  const auto matches = MatchBoxes(
      truth, std::vector<DetectedBox>{{0, 1, {0, 0, 10, 10}, 0.9}, {0, 0, {0, 1, 10, 10}, 0.6}}, 0.5);
  ASSERT_EQ(matches.size(), 2U);
  EXPECT_EQ(matches[0].kind, MatchKind::kMatched);
  EXPECT_EQ(matches[0].detection, 1);
  EXPECT_EQ(matches[1].kind, MatchKind::kFalsePositive);
  EXPECT_EQ(matches[1].truth, -1) << "of another class";
}

// Each box once, each kind as it is defined, nothing left that could be matched; and the right ones are as
// many as the slow COCO finds.
TEST(BoxMatchesTest, HoldsWhatItPromisesOnRandomScenes) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    Scene scene = MakeScene(seed, 4);
    for (TrueBox& box : scene.truth.boxes) box.id_is_zero = false;
    constexpr double kThreshold = 0.3;
    const auto matches = MatchBoxes(scene.truth, scene.detections, kThreshold);
    std::set<int32_t> truths, detections, free_truths, free_detections;
    int right = 0;
    for (const BoxMatch& match : matches) {
      const TrueBox* truth = match.truth < 0 ? nullptr : &scene.truth.boxes[match.truth];
      const DetectedBox* found = match.detection < 0 ? nullptr : &scene.detections[match.detection];
      if (found != nullptr) {
        EXPECT_TRUE(detections.insert(match.detection).second);
        EXPECT_GE(found->score, kThreshold);
      }
      if (match.kind != MatchKind::kFalsePositive) {
        ASSERT_NE(truth, nullptr);
        EXPECT_FALSE(truth->crowd);
        EXPECT_TRUE(truths.insert(match.truth).second);
      }
      if (truth != nullptr && found != nullptr) {
        EXPECT_EQ(truth->image, found->image);
        EXPECT_DOUBLE_EQ(match.iou, slow::Overlap(found->box, truth->box, false));
      }
      const bool same = truth != nullptr && found != nullptr && truth->class_index == found->class_index;
      switch (match.kind) {
        case MatchKind::kMatched:
          EXPECT_TRUE(same && match.iou >= 0.5);
          ++right;
          break;
        case MatchKind::kConfused:
          EXPECT_TRUE(!same && match.iou >= 0.5);
          break;
        case MatchKind::kBadlyPlaced:
          EXPECT_TRUE(same && match.iou >= 0.1);
          break;
        case MatchKind::kFalsePositive:
          EXPECT_TRUE(truth == nullptr || (same && match.iou >= 0.5));
          free_detections.insert(match.detection);
          break;
        case MatchKind::kMissed:
          EXPECT_EQ(found, nullptr);
          free_truths.insert(match.truth);
      }
    }
    for (const int32_t t : free_truths) {
      for (const int32_t d : free_detections) {
        const TrueBox& truth = scene.truth.boxes[t];
        const DetectedBox& found = scene.detections[d];
        if (truth.image != found.image) continue;
        EXPECT_LT(slow::Overlap(found.box, truth.box, false),
                  truth.class_index == found.class_index ? 0.1 : 0.5);
      }
    }
    for (size_t t = 0; t < scene.truth.boxes.size(); ++t) {
      EXPECT_EQ(truths.contains(static_cast<int32_t>(t)), !scene.truth.boxes[t].crowd);
    }
    int by_coco = 0;
    for (int image = 0; image < scene.truth.image_count; ++image) {
      for (int c = 0; c < scene.truth.num_classes; ++c) {
        std::vector<DetectedBox> dets;
        std::vector<TrueBox> boxes;
        for (const DetectedBox& d : scene.detections) {
          if (d.image == image && d.class_index == c && d.score >= kThreshold) dets.push_back(d);
        }
        for (const TrueBox& g : scene.truth.boxes) {
          if (g.image == image && g.class_index == c) boxes.push_back(g);
        }
        std::vector<slow::Counted> counted;
        slow::JudgeImage(dets, boxes, 0.5, 0, 1e10, 100, counted);
        for (const slow::Counted& one : counted) by_coco += one.correct ? 1 : 0;
      }
    }
    EXPECT_EQ(right, by_coco);
  }
}

TEST(BoxMatchesTest, RefusesBoxesOfNoImageOrClass) {
  const GroundTruth truth{1, 1, {}};
  for (const DetectedBox& box : {DetectedBox{1, 0, {}, 0.5}, DetectedBox{0, 1, {}, 0.5}}) {
    EXPECT_THROW(MatchBoxes(truth, {&box, 1}, 0.5), std::out_of_range);
  }
}

}  // namespace
}  // namespace loupe::evaluation
