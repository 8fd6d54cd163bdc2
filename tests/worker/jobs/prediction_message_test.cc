// Predictions on the wire: what worker.proto says of each field.
#include "worker/jobs/prediction_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

namespace loupe {
namespace {

using testing::ElementsAre;
using testing::FloatEq;

TEST(PredictionMessageTest, CarriesScoresRunnersUpAndBackground) {
  Prediction prediction;
  detection::Detections& detections = prediction.detections;
  detections.boxes = torch::tensor({{1.F, 2.F, 3.F, 4.F}, {5.F, 6.F, 7.F, 8.F}});
  detections.labels = torch::tensor({2, 1}, torch::kInt64);
  detections.scores = torch::tensor({0.6F, 0.5F});
  detections.probabilities = torch::tensor({{0.1F, 0.05F, 0.6F, 0.25F}, {0.2F, 0.5F, 0.3F, 0.F}});
  detections.embedding = torch::tensor({1.F, -2.F});
  detections.max_score_below = 0.005F;
  prediction.mirrored = {torch::tensor({0.75F, 0.F}),
                         torch::tensor({{1.F, 2.F, 3.F, 5.F}, {0.F, 0.F, 0.F, 0.F}})};
  const v1::ImagePrediction message = PredictionMessage(42, prediction);
  EXPECT_EQ(message.image_id(), 42);
  EXPECT_THAT(message.corners(), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
  EXPECT_THAT(message.labels(), ElementsAre(2, 1));
  EXPECT_THAT(message.scores(), ElementsAre(FloatEq(0.6), FloatEq(0.5)));
  EXPECT_THAT(message.runner_up_labels(), ElementsAre(3, 2));
  EXPECT_THAT(message.runner_up_scores(), ElementsAre(FloatEq(0.25), FloatEq(0.3)));
  EXPECT_THAT(message.background_scores(), ElementsAre(FloatEq(0.1), FloatEq(0.2)));
  EXPECT_THAT(message.agreements(), ElementsAre(0.75, 0));
  EXPECT_THAT(message.partner_corners(), ElementsAre(1, 2, 3, 5, 0, 0, 0, 0));
  EXPECT_THAT(message.max_foreground_score(), FloatEq(0.6));
  // IEEE half floats, little-endian: 1 is 0x3c00, -2 is 0xc000.
  EXPECT_EQ(message.embedding(), std::string("\x00\x3c\x00\xc0", 4));
}

TEST(PredictionMessageTest, AnImageWithoutBoxesKeepsItsBestProposal) {
  Prediction prediction;
  detection::Detections& detections = prediction.detections;
  detections.boxes = torch::zeros({0, 4});
  detections.labels = torch::zeros({0}, torch::kInt64);
  detections.scores = torch::zeros({0});
  detections.probabilities = torch::zeros({0, 2});
  detections.embedding = torch::zeros({2});
  detections.max_score_below = 0.005F;
  const v1::ImagePrediction message = PredictionMessage(7, prediction);
  EXPECT_EQ(message.scores_size(), 0);
  EXPECT_EQ(message.agreements_size(), 0);
  EXPECT_EQ(message.partner_corners_size(), 0);
  EXPECT_THAT(message.max_foreground_score(), FloatEq(0.005));
}

TEST(PredictionMessageTest, OneClassHasNoRunnerUp) {
  Prediction prediction;
  detection::Detections& detections = prediction.detections;
  detections.boxes = torch::tensor({{1.F, 2.F, 3.F, 4.F}});
  detections.labels = torch::tensor({1}, torch::kInt64);
  detections.scores = torch::tensor({0.6F});
  detections.probabilities = torch::tensor({{0.4F, 0.6F}});
  detections.embedding = torch::zeros({2});
  const v1::ImagePrediction message = PredictionMessage(7, prediction);
  EXPECT_THAT(message.runner_up_labels(), ElementsAre(0));
  EXPECT_THAT(message.runner_up_scores(), ElementsAre(0));
}

}  // namespace
}  // namespace loupe
