// The worker protocol over a real port: leases, checkpoints, uploads, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>

#include "tests/server/round_world.h"

namespace loupe {
namespace {

using ::testing::HasSubstr;

constexpr char kOneShard[] = "ranking { budget: 10 } prediction { shard_size: 500 }";

void Expire(RoundWorld& world) {
  world.database.Sql("UPDATE lease SET expires_at = now() - interval '1 second'");
}

// A round whose TRAIN job is waiting.
void StartRound(RoundWorld& world) {
  world.Label("pool", 0, 5);
  world.Submit(kOneShard);
  ASSERT_TRUE(world.planner.RunOnce().ok());
}

// Goes on until a PREDICT job waits, and leases it.
v1::Job LeasePredictJob(RoundWorld& world, ScriptedWorker& worker) {
  StartRound(world);
  worker.Do(*worker.Lease());
  EXPECT_TRUE(world.planner.RunOnce().ok());
  EXPECT_TRUE(world.planner.RunOnce().ok());
  const std::optional<v1::Job> job = worker.Lease();
  EXPECT_TRUE(job.has_value());
  EXPECT_EQ(job->kind(), v1::PREDICT);
  return *job;
}

TEST(Worker, AnswersSoonWhenThereIsNoJob) {
  RoundWorld world(5, 0);
  EXPECT_FALSE(ScriptedWorker(world, 1).Lease().has_value());
}

TEST(Worker, AWaitingLeaseGetsTheJobAsSoonAsThereIsOne) {
  RoundWorld world(10, 0);
  v1::LeaseJobResponse response;
  grpc::Status status;
  std::thread waiting([&] {
    v1::LeaseJobRequest request;
    request.set_request_id("waiting");
    status = world.jobs->LeaseJob(world.Context(world.worker).get(), request, &response);
  });
  StartRound(world);
  waiting.join();
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.job().kind(), v1::TRAIN);
  EXPECT_EQ(response.job().project(), "parts");
  EXPECT_EQ(response.job().classes_size(), 2);
  EXPECT_EQ(response.job().images(), 5u);
  EXPECT_EQ(response.job().recipe().training().iterations(), 400u);
}

TEST(Worker, ARepeatedLeaseRequestGetsTheSameJob) {
  RoundWorld world(10, 0);
  StartRound(world);
  v1::LeaseJobRequest request;
  request.set_request_id("again");
  v1::LeaseJobResponse first;
  v1::LeaseJobResponse second;
  ASSERT_TRUE(world.jobs->LeaseJob(world.Context(world.worker).get(), request, &first).ok());
  ASSERT_TRUE(world.jobs->LeaseJob(world.Context(world.worker).get(), request, &second).ok());
  EXPECT_EQ(first.job().lease(), second.job().lease());
  EXPECT_FALSE(ScriptedWorker(world, 1).Lease().has_value());
}

TEST(Worker, AnExpiredLeaseGivesTheJobToAnotherFromTheLastCheckpoint) {
  RoundWorld world(10, 0);
  StartRound(world);
  ScriptedWorker worker(world, 1);
  const v1::Job lost = *worker.Lease();
  EXPECT_EQ(lost.checkpoint_iteration(), 0u);
  ASSERT_TRUE(worker.Checkpoint(lost, "state after fifty", 50).ok());
  Expire(world);
  const std::optional<v1::Job> taken = worker.Lease();
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(taken->job_id(), lost.job_id());
  EXPECT_NE(taken->lease(), lost.lease());
  EXPECT_EQ(taken->checkpoint_iteration(), 50u);
  EXPECT_EQ(taken->checkpoint_sha256(), ToBytes(HashOf("state after fifty")));

  // Whatever the first one still writes is refused.
  EXPECT_EQ(ReasonOf(worker.Beat(lost)), "LEASE_ENDED");
  EXPECT_EQ(ReasonOf(worker.Checkpoint(lost, "state after sixty", 60)), "LEASE_ENDED");
  EXPECT_EQ(ReasonOf(worker.Complete(lost, MadeUpWeights("late"))), "LEASE_ENDED");
  EXPECT_FALSE(world.blobs.Exists(HashOf("state after sixty")));
  EXPECT_TRUE(worker.Complete(*taken, MadeUpWeights("in time")).ok());
  // Repeated under the same lease it is answered alike.
  EXPECT_TRUE(worker.CompleteWith(*taken, MadeUpWeights("in time")).ok());
  EXPECT_EQ(world.Number("SELECT count(*) FROM model"), 1);
}

TEST(Worker, ALateHeartbeatKeepsAJobThatNobodyElseHas) {
  RoundWorld world(10, 0);
  StartRound(world);
  ScriptedWorker worker(world, 1);
  const v1::Job job = *worker.Lease();
  Expire(world);
  EXPECT_TRUE(worker.Beat(job).ok());
  EXPECT_FALSE(worker.Lease().has_value());
}

TEST(Worker, ACheckpointMustBeABlobAndGoForward) {
  RoundWorld world(10, 0);
  StartRound(world);
  ScriptedWorker worker(world, 1);
  const v1::Job job = *worker.Lease();
  v1::SaveCheckpointRequest request;
  request.set_job_id(job.job_id());
  request.set_lease(job.lease());
  request.set_sha256(ToBytes(HashOf("never written")));
  request.set_iteration(10);
  v1::SaveCheckpointResponse response;
  EXPECT_EQ(ReasonOf(world.jobs->SaveCheckpoint(world.Context(world.worker).get(), request, &response)),
            "NO_SUCH_BLOB");
  EXPECT_TRUE(worker.Checkpoint(job, "ten", 10).ok());
  EXPECT_EQ(worker.Checkpoint(job, "ten again", 10).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST(Worker, AJobLostFiveTimesWithoutGoingForwardFailsItsRound) {
  RoundWorld world(10, 0);
  StartRound(world);
  ScriptedWorker worker(world, 1);
  for (int i = 1; i <= 5; ++i) {
    const std::optional<v1::Job> job = worker.Lease();
    ASSERT_TRUE(job.has_value()) << i;
    // A checkpoint after three losses begins the count anew.
    if (i == 4) {
      ASSERT_TRUE(worker.Checkpoint(*job, "further", 10).ok());
    }
    Expire(world);
    ASSERT_TRUE(world.planner.RunOnce().ok());
    EXPECT_EQ(world.Get(1).state(), "training");
  }
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(worker.Lease().has_value()) << i;
    Expire(world);
  }
  EXPECT_FALSE(worker.Lease().has_value());
  ASSERT_TRUE(world.planner.RunOnce().ok());
  EXPECT_EQ(world.Get(1).state(), "failed");
  EXPECT_THAT(world.Get(1).error(), HasSubstr("train job was lost 5 times"));
}

TEST(Worker, AJobGivenBackIsFreeAtOnceAndNotLost) {
  RoundWorld world(10, 0);
  StartRound(world);
  ScriptedWorker worker(world, 1);
  for (int i = 0; i < 7; ++i) {
    const std::optional<v1::Job> job = worker.Lease();
    ASSERT_TRUE(job.has_value()) << i;
    v1::ReleaseJobRequest request;
    request.set_job_id(job->job_id());
    request.set_lease(job->lease());
    v1::ReleaseJobResponse response;
    ASSERT_TRUE(world.jobs->ReleaseJob(world.Context(world.worker).get(), request, &response).ok());
    EXPECT_EQ(ReasonOf(worker.Beat(*job)), "LEASE_ENDED");
  }
}

TEST(Worker, AFailureThatMayPassIsTriedThreeTimes) {
  RoundWorld world(10, 0);
  StartRound(world);
  ScriptedWorker worker(world, 1);
  for (int i = 1; i <= 3; ++i) {
    const std::optional<v1::Job> job = worker.Lease();
    ASSERT_TRUE(job.has_value()) << i;
    v1::FailJobRequest request;
    request.set_job_id(job->job_id());
    request.set_lease(job->lease());
    request.set_error("no room on the worker's disk: make some");
    request.set_transient(true);
    v1::FailJobResponse response;
    ASSERT_TRUE(world.jobs->FailJob(world.Context(world.worker).get(), request, &response).ok());
    EXPECT_EQ(world.Get(1).state(), i < 3 ? "training" : "failed");
  }
  EXPECT_EQ(world.Get(1).error(), "no room on the worker's disk: make some");
  EXPECT_EQ(world.Number("SELECT count(*) FROM lease"), 0);
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

  // Another worker takes the job and predicts what is left; what it sends twice is counted.
  Expire(world);
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
  EXPECT_EQ(std::count_if(images.begin(), images.end(), [](const v1::JobImage& image) { return image.labelled(); }),
            15);
  std::vector<v1::ImagePrediction> predictions;
  for (const v1::JobImage& image : images) predictions.push_back(worker.Predict(image.image()));
  v1::UploadPredictionsResponse response;
  ASSERT_TRUE(worker.Upload(job, predictions, &response).ok());
  EXPECT_TRUE(worker.Complete(job).ok());
  ASSERT_EQ(worker.Finish(1).state(), "done");
  EXPECT_EQ(world.Number("SELECT count(*) FROM ranking_entry JOIN image ON image.id = image_id "
                         "WHERE score IS NOT NULL AND head_revision_id IS NOT NULL"),
            0);
}

TEST(Worker, ThePictureKeepsTheFirstHashOfIt) {
  RoundWorld world(30, 0);
  ScriptedWorker worker(world, 1);
  const v1::Job job = LeasePredictJob(world, worker);
  std::vector<v1::ImagePrediction> predictions;
  for (const v1::Image& image : worker.ReadImages(job)) predictions.push_back(worker.Predict(image));
  predictions[2].set_perceptual_hash(0xfedcba9876543210U);
  v1::UploadPredictionsResponse response;
  ASSERT_TRUE(worker.Upload(job, predictions, &response).ok());
  predictions[2].set_perceptual_hash(1);
  ASSERT_TRUE(worker.Upload(job, predictions, &response).ok());
  EXPECT_EQ(world.Number("SELECT count(*) FROM image WHERE perceptual_hash IS NOT NULL"), 1);
  EXPECT_EQ(world.Text("SELECT to_hex(perceptual_hash) FROM image WHERE perceptual_hash IS NOT NULL"),
            "fedcba9876543210");
}

TEST(Worker, TheQualityOfClassesIsKeptWithTheModel) {
  RoundWorld world(10, 0);
  world.Label("pool", 0, 5);
  world.Submit("");
  ASSERT_TRUE(world.planner.RunOnce().ok());
  ScriptedWorker worker(world, 1);
  const v1::Job job = *worker.Lease();
  const std::string weights = MadeUpWeights("quality");
  ASSERT_TRUE(worker.Write(job, weights, HashOf(weights)).ok());
  v1::CompleteJobRequest request;
  request.set_job_id(job.job_id());
  request.set_lease(job.lease());
  request.set_weights_sha256(ToBytes(HashOf(weights)));
  request.set_weights_bytes(weights.size());
  v1::CompleteJobResponse response;
  for (const std::vector<double>& wrong : {std::vector<double>{0.5}, {0.5, 1.5}, {0.5, std::nan("")}}) {
    *request.mutable_class_quality() = {wrong.begin(), wrong.end()};
    EXPECT_EQ(world.jobs->CompleteJob(world.Context(world.worker).get(), request, &response).error_code(),
              grpc::StatusCode::INVALID_ARGUMENT);
  }
  EXPECT_EQ(world.Number("SELECT count(*) FROM model"), 0);
  const std::vector<double> quality = {0.75, 0};
  *request.mutable_class_quality() = {quality.begin(), quality.end()};
  ASSERT_TRUE(world.jobs->CompleteJob(world.Context(world.worker).get(), request, &response).ok());
  EXPECT_EQ(world.Text("SELECT class_quality::text FROM model"), "{0.75,0}");
}

TEST(Worker, AScoreThatIsNoNumberSetsTheImageAside) {
  RoundWorld world(30, 0);
  ScriptedWorker worker(world, 1);
  const v1::Job job = LeasePredictJob(world, worker);
  std::vector<v1::ImagePrediction> predictions;
  for (const v1::Image& image : worker.ReadImages(job)) predictions.push_back(worker.Predict(image));
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
  std::vector<v1::ImagePrediction> predictions;
  for (const v1::Image& image : worker.ReadImages(job)) predictions.push_back(worker.Predict(image));
  // Infinity and not-a-number as half floats, and the largest number that there is.
  for (const auto& [place, high] : {std::pair(1, '\x7c'), std::pair(2, '\xfe'), std::pair(3, '\x7b')}) {
    (*predictions[place].mutable_embedding())[5] = high;
  }
  v1::UploadPredictionsResponse response;
  ASSERT_TRUE(worker.Upload(job, predictions, &response).ok());
  EXPECT_EQ(response.set_aside(), 2u);
  EXPECT_EQ(world.Number("SELECT count(*) FROM prediction WHERE set_aside LIKE 'number 2 of the embedding%'"), 2);
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
    return status.error_message();
  };
  EXPECT_THAT(refused([](auto& p) { p.set_corners(2, 101.5F); }), HasSubstr("outside its image of 100 x 80"));
  refused([](auto& p) { p.set_corners(0, std::numeric_limits<float>::infinity()); });
  refused([](auto& p) { p.set_corners(0, std::nanf("")); });
  refused([](auto& p) { p.set_corners(0, 60); });
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

TEST(Worker, WeightsThatAreNotWholeAreRefused) {
  RoundWorld world(10, 0);
  StartRound(world);
  ScriptedWorker worker(world, 1);
  const v1::Job job = *worker.Lease();
  const std::string whole = MadeUpWeights("weights");
  EXPECT_EQ(ReasonOf(worker.Complete(job, whole.substr(0, whole.size() - 1))), "BAD_WEIGHTS");
  EXPECT_EQ(ReasonOf(worker.Complete(job)), "BAD_WEIGHTS");
  EXPECT_EQ(ReasonOf(worker.Write(job, "these bytes", HashOf("other bytes"))), "BAD_BLOB");
  EXPECT_FALSE(world.blobs.Exists(HashOf("other bytes")));
  EXPECT_FALSE(world.blobs.Exists(HashOf("these bytes")));
  EXPECT_EQ(world.Number("SELECT count(*) FROM model"), 0);
  EXPECT_TRUE(worker.Complete(job, whole).ok());
}

TEST(Worker, ReadsBlobsByHash) {
  RoundWorld world(10, 0);
  StartRound(world);
  ScriptedWorker worker(world, 1);
  const v1::Job job = *worker.Lease();
  const std::string large(3 << 20, 'x');
  absl::StatusOr<BlobWriter> writer = world.blobs.NewWriter(large.size());
  ASSERT_TRUE(writer->Append(large).ok());
  ASSERT_TRUE(writer->Commit().ok());
  v1::ReadBlobRequest request;
  request.set_sha256(ToBytes(HashOf(large)));
  const auto read = [&](std::string& bytes) {
    const auto context = world.Context(world.worker);
    const auto reader = world.jobs->ReadBlob(context.get(), request);
    v1::ReadBlobResponse response;
    while (reader->Read(&response)) bytes += response.chunk();
    return reader->Finish();
  };
  std::string bytes;
  EXPECT_TRUE(read(bytes).ok());
  EXPECT_TRUE(bytes == large);
  request.set_sha256(ToBytes(HashOf("nothing")));
  EXPECT_EQ(ReasonOf(read(bytes)), "NO_SUCH_BLOB");
}

TEST(Worker, ProgressIsSeenInTheRound) {
  RoundWorld world(10, 0);
  StartRound(world);
  ScriptedWorker worker(world, 1);
  const v1::Job job = *worker.Lease();
  const auto version = world.Number("SELECT version FROM round");
  v1::JobProgress progress;
  progress.set_done(30);
  progress.set_total(400);
  progress.set_loss(0.75);
  ASSERT_TRUE(worker.Beat(job, progress).ok());
  EXPECT_GT(world.Number("SELECT version FROM round"), version);
  v1::JobProgress seen = world.Get(1).progress();
  EXPECT_EQ(seen.kind(), "train");
  EXPECT_EQ(seen.done(), 30u);
  EXPECT_EQ(seen.total(), 400u);
  EXPECT_EQ(seen.loss(), 0.75);
  EXPECT_FALSE(seen.has_ap50()) << "nothing was measured yet";
  progress.set_ap50(0.375);
  ASSERT_TRUE(worker.Beat(job, progress).ok());
  EXPECT_EQ(world.Get(1).progress().ap50(), 0.375);

  // What the last heartbeat was too early for comes with the weights.
  const std::string weights = MadeUpWeights("trained");
  ASSERT_TRUE(worker.Write(job, weights, HashOf(weights)).ok());
  v1::CompleteJobRequest request;
  request.set_job_id(job.job_id());
  request.set_lease(job.lease());
  request.set_weights_sha256(ToBytes(HashOf(weights)));
  request.set_weights_bytes(weights.size());
  request.set_final_loss(0.5);
  request.set_final_ap50(0.625);
  v1::CompleteJobResponse response;
  ASSERT_TRUE(world.jobs->CompleteJob(world.Context(world.worker).get(), request, &response).ok());
  seen = world.Get(1).progress();
  EXPECT_EQ(seen.done(), 400u);
  EXPECT_EQ(seen.loss(), 0.5);
  EXPECT_EQ(seen.ap50(), 0.625);
}

}  // namespace
}  // namespace loupe
