// Predictions on their way to the coordinator, over a real port: what is taken, set aside and refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <thread>
#include <utility>

#include "tests/server/rounds/round_world.h"

namespace loupe {
namespace {

using ::testing::HasSubstr;

// Moves a round on until it has a PREDICT job, and leases the job.
v1::Job LeasePredictJob(RoundWorld& world, ScriptedWorker& worker) {
  world.StartRound();
  worker.Do(*worker.Lease());
  EXPECT_TRUE(world.planner.RunOnce().ok());
  EXPECT_TRUE(world.planner.RunOnce().ok());
  const std::optional<v1::Job> job = worker.Lease();
  EXPECT_TRUE(job.has_value());
  EXPECT_EQ(job->kind(), v1::PREDICT);
  return *job;
}

TEST(Worker, AnUploadThatStopsHalfWayKeepsItsWholePieces) {
  RoundWorld world(200, 0);
  ScriptedWorker worker(world, 1);
  const v1::Job job = LeasePredictJob(world, worker);
  const std::vector<v1::Image> images = worker.ReadImages(job);
  ASSERT_EQ(images.size(), 200u);
  {
    v1::UploadPredictionsResponse response;
    const auto context = world.Context(world.worker);
    const auto writer = world.jobs->UploadPredictions(context.get(), &response);
    v1::UploadPredictionsRequest request;
    request.mutable_start()->set_job_id(job.job_id());
    request.mutable_start()->set_lease(job.lease());
    ASSERT_TRUE(writer->Write(request));
    for (int i = 0; i < 150; ++i) {
      *request.mutable_prediction() = worker.Predict(images[static_cast<size_t>(i)]);
      ASSERT_TRUE(writer->Write(request));
    }
    while (world.Number("SELECT count(*) FROM prediction") < 128) std::this_thread::yield();
    context->TryCancel();
    EXPECT_EQ(writer->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  EXPECT_EQ(world.Number("SELECT count(*) FROM prediction"), 128);
  EXPECT_EQ(ReasonOf(worker.Complete(job)), "INCOMPLETE");

  // Another worker leases the job and predicts what is left. A prediction that is sent again is counted as
  // repeated.
  world.ExpireLeases();
  const v1::Job taken = *worker.Lease();
  const std::vector<v1::Image> left = worker.ReadImages(taken);
  EXPECT_EQ(left.size(), 72u);
  std::vector<v1::ImagePrediction> predictions = {worker.Predict(images[0])};
  for (const v1::Image& image : left) predictions.push_back(worker.Predict(image));
  v1::UploadPredictionsResponse response;
  ASSERT_TRUE(worker.Upload(taken, predictions, &response).ok());
  EXPECT_EQ(response.stored(), 72u);
  EXPECT_EQ(response.repeated(), 1u);
  EXPECT_TRUE(worker.Complete(taken).ok());
  EXPECT_TRUE(worker.Complete(taken).ok());
  EXPECT_EQ(ReasonOf(worker.Complete(job)), "LEASE_ENDED");
  EXPECT_EQ(worker.Finish(1).state(), "done");
}

TEST(Worker, LabelledImagesArePredictedTooAndSaidToBeLabelled) {
  RoundWorld world(30, 0);
  ScriptedWorker worker(world, 1);
  const v1::Job job = LeasePredictJob(world, worker);
  world.Label("pool", 10, 20);
  const std::vector<v1::JobImage> images = worker.ReadJobImages(job);
  EXPECT_EQ(images.size(), 30u);
  EXPECT_EQ(
      std::count_if(images.begin(), images.end(), [](const v1::JobImage& image) { return image.labelled(); }),
      15);
  std::vector<v1::ImagePrediction> predictions;
  for (const v1::JobImage& image : images) predictions.push_back(worker.Predict(image.image()));
  v1::UploadPredictionsResponse response;
  ASSERT_TRUE(worker.Upload(job, predictions, &response).ok());
  EXPECT_TRUE(worker.Complete(job).ok());
  ASSERT_EQ(worker.Finish(1).state(), "done");
  EXPECT_EQ(world.Number("SELECT count(*) FROM ranking_entry JOIN image ON image.id = image_id "
                         "WHERE score IS NOT NULL AND truth_revision_id IS NOT NULL"),
            0);
}

TEST(Worker, ThePictureKeepsTheFirstHashOfIt) {
  RoundWorld world(30, 0);
  ScriptedWorker worker(world, 1);
  const v1::Job job = LeasePredictJob(world, worker);
  std::vector<v1::ImagePrediction> predictions = worker.PredictAll(job);
  predictions[2].set_perceptual_hash(0xfedcba9876543210U);
  v1::UploadPredictionsResponse response;
  ASSERT_TRUE(worker.Upload(job, predictions, &response).ok());
  predictions[2].set_perceptual_hash(1);
  ASSERT_TRUE(worker.Upload(job, predictions, &response).ok());
  EXPECT_EQ(world.Number("SELECT count(*) FROM image WHERE perceptual_hash IS NOT NULL"), 1);
  EXPECT_EQ(world.Text("SELECT to_hex(perceptual_hash) FROM image WHERE perceptual_hash IS NOT NULL"),
            "fedcba9876543210");
}

TEST(Worker, AScoreThatIsNoNumberSetsTheImageAside) {
  RoundWorld world(30, 0);
  ScriptedWorker worker(world, 1);
  const v1::Job job = LeasePredictJob(world, worker);
  std::vector<v1::ImagePrediction> predictions = worker.PredictAll(job);
  predictions[3].set_scores(0, std::nanf(""));
  v1::UploadPredictionsResponse response;
  ASSERT_TRUE(worker.Upload(job, predictions, &response).ok());
  EXPECT_EQ(response.set_aside(), 1u);
  EXPECT_EQ(response.stored(), predictions.size() - 1);
  EXPECT_THAT(world.Text("SELECT set_aside FROM prediction WHERE set_aside IS NOT NULL"),
              HasSubstr("score of box 0"));
  ASSERT_TRUE(worker.Complete(job).ok());
  // It can't be scored, so only chance can bring it up, and blind.
  ASSERT_EQ(worker.Finish(1).state(), "done");
  const std::string image = std::to_string(predictions[3].image_id());
  EXPECT_EQ(world.Number("SELECT count(*) FROM ranking_entry WHERE image_id = " + image +
                         " AND (slice <> 'random' OR NOT blind OR score IS NOT NULL)"),
            0);
}

TEST(Worker, AnEmbeddingThatIsNoNumberSetsTheImageAside) {
  RoundWorld world(30, 0);
  ScriptedWorker worker(world, 1);
  const v1::Job job = LeasePredictJob(world, worker);
  std::vector<v1::ImagePrediction> predictions = worker.PredictAll(job);
  // Infinity and not-a-number as half floats, and the largest number that there is.
  for (const auto& [place, high] : {std::pair(1, '\x7c'), std::pair(2, '\xfe'), std::pair(3, '\x7b')}) {
    (*predictions[place].mutable_embedding())[5] = high;
  }
  v1::UploadPredictionsResponse response;
  ASSERT_TRUE(worker.Upload(job, predictions, &response).ok());
  EXPECT_EQ(response.set_aside(), 2u);
  EXPECT_EQ(world.Number("SELECT count(*) FROM prediction WHERE set_aside LIKE 'number 2 of the embedding%'"),
            2);
}

// One picture that is not what its header says stops no round.
TEST(Worker, APredictionThatDoesNotFitItsPictureSetsThePictureAside) {
  RoundWorld world(30, 0);
  ScriptedWorker worker(world, 1);
  const v1::Job job = LeasePredictJob(world, worker);
  const std::vector<std::pair<int, float>> corners = {
      {2, 101.5F}, {0, std::numeric_limits<float>::infinity()}, {0, std::nanf("")}, {0, 60}};
  std::vector<v1::ImagePrediction> predictions = worker.PredictAll(job);
  for (size_t i = 0; i < corners.size(); ++i) predictions[i].set_corners(corners[i].first, corners[i].second);
  v1::UploadPredictionsResponse response;
  ASSERT_TRUE(worker.Upload(job, predictions, &response).ok());
  EXPECT_EQ(response.set_aside(), corners.size());
  EXPECT_EQ(world.Number("SELECT count(*) FROM image WHERE state = 'set_aside'"),
            static_cast<int64_t>(corners.size()));
  EXPECT_THAT(world.Text("SELECT state_reason FROM image WHERE state = 'set_aside' ORDER BY id LIMIT 1"),
              HasSubstr("corner at 101.5, outside the image of 100 x 80"));
  EXPECT_TRUE(worker.ReadJobImages(job).empty()) << "the job can be completed";
  EXPECT_EQ(world.Get(1).set_aside_total(), corners.size());
}

TEST(Worker, APredictionThatCantBeIsRefusedAndItsPieceWithIt) {
  RoundWorld world(30, 10);
  ScriptedWorker worker(world, 1);
  const v1::Job job = LeasePredictJob(world, worker);
  const std::vector<v1::Image> images = worker.ReadImages(job);
  const auto refused = [&](void (*spoil)(v1::ImagePrediction&)) {
    std::vector<v1::ImagePrediction> predictions = {worker.Predict(images[0]), worker.Predict(images[1])};
    spoil(predictions[1]);
    v1::UploadPredictionsResponse response;
    const grpc::Status status = worker.Upload(job, predictions, &response);
    EXPECT_EQ(ReasonOf(status), "BAD_PREDICTION") << status.error_message();
  };
  refused([](auto& p) { p.mutable_corners()->RemoveLast(); });
  refused([](auto& p) { p.set_labels(0, 3); });
  refused([](auto& p) { p.set_labels(0, 0); });
  refused([](auto& p) { p.set_scores(0, 1.5F); });
  refused([](auto& p) { p.mutable_agreements()->Add(0.5F); });
  refused([](auto& p) { p.set_image_id(999); });
  refused([](auto& p) { p.set_embedding("odd"); });
  refused([](auto& p) { p.set_brightness(1.5F); });
  // An image of the holdout is not the pool's.
  std::vector<v1::ImagePrediction> predictions = {worker.Predict(images[0])};
  predictions[0].set_image_id(world.ImageAt("holdout", 0));
  v1::UploadPredictionsResponse response;
  EXPECT_EQ(ReasonOf(worker.Upload(job, predictions, &response)), "BAD_PREDICTION");
  EXPECT_EQ(world.Number("SELECT count(*) FROM prediction"), 0);
  // Less than a pixel outside is clipped.
  predictions[0] = worker.Predict(images[0]);
  predictions[0].set_corners(2, 100.5F);
  ASSERT_TRUE(worker.Upload(job, predictions, &response).ok());
  EXPECT_EQ(world.Number("SELECT corners[3] FROM prediction"), 100);
}

}  // namespace
}  // namespace loupe
