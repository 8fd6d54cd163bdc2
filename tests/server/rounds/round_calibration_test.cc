#include "server/rounds/round_calibration.h"

#include <gtest/gtest.h>

#include "evaluation/seeded_random.h"

namespace loupe {
namespace {

// `count` images with a box each of class 1, on which a detector too sure of itself says 0.9 and is right
// half the time.
struct Judged {
  std::vector<JudgedImage> images;
  PredictionsById predictions;
};

Judged Overconfident(int count) {
  Judged judged;
  evaluation::SeededRandom random(4);
  for (int id = 1; id <= count; ++id) {
    v1::LabelBox truth;
    truth.mutable_box()->set_x2(20);
    truth.mutable_box()->set_y2(20);
    truth.set_label(1);
    judged.images.push_back({id, {truth}});
    v1::ImagePrediction& prediction = judged.predictions[id];
    prediction.set_image_id(id);
    const float shift = random.Below(2) == 0 ? 0 : 40;
    for (const float corner : {shift, shift, shift + 20, shift + 20}) prediction.add_corners(corner);
    prediction.add_labels(1);
    prediction.add_scores(0.85F + 0.1F * static_cast<float>(random.Uniform()));
  }
  return judged;
}

TEST(RoundCalibration, ScoresOfAnOverconfidentModelComeDown) {
  const Judged judged = Overconfident(400);
  const v1::Calibration calibration = CalibrateModel(judged.images, judged.predictions, 2);
  EXPECT_EQ(calibration.detections(), calibration.images()) << "one a picture";
  EXPECT_NEAR(static_cast<double>(calibration.images()), 200, 40) << "about half of them";
  EXPECT_NEAR(calibration.error_before(), 0.4, 0.1);
  EXPECT_LT(calibration.error_after(), 0.12) << "on the other half";
  ASSERT_EQ(calibration.classes_size(), 2);
  EXPECT_EQ(calibration.classes(0).kind(), "isotonic");
  EXPECT_EQ(calibration.classes(1).kind(), "platt") << "nothing was found of it";
  const std::vector<ranking::CalibrationMap> maps = CalibrationMapsOf(calibration);
  EXPECT_NEAR(ranking::Calibrated(maps[0], 0.9), 0.5, 0.15);
}

TEST(RoundCalibration, FewDetectionsLeaveScoresAsTheyAre) {
  const Judged judged = Overconfident(40);
  const v1::Calibration calibration = CalibrateModel(judged.images, judged.predictions, 1);
  EXPECT_EQ(calibration.classes(0).kind(), "identity");
  EXPECT_EQ(ranking::Calibrated(CalibrationMapsOf(calibration)[0], 0.3), 0.3);
}

TEST(RoundCalibration, WithoutAHoldoutThereIsNoError) {
  const v1::Calibration calibration = CalibrateModel({}, {}, 2);
  EXPECT_EQ(calibration.images(), 0u);
  EXPECT_FALSE(calibration.has_error_before());
  EXPECT_EQ(calibration.classes_size(), 2);
}

TEST(RoundCalibration, RegionsToIgnoreSayNothing) {
  Judged judged = Overconfident(200);
  for (JudgedImage& image : judged.images) image.truth[0].set_ignore(true);
  for (auto& [id, prediction] : judged.predictions) {
    for (int c = 0; c < 4; ++c) prediction.set_corners(c, c < 2 ? 0 : 20);
  }
  EXPECT_EQ(CalibrateModel(judged.images, judged.predictions, 1).detections(), 0u);
}

}  // namespace
}  // namespace loupe
