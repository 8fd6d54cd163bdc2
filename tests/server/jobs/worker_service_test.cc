// The worker protocol over a real port: leases, checkpoints, blobs, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <thread>

#include "tests/server/rounds/round_world.h"

namespace loupe {
namespace {

using ::testing::HasSubstr;

TEST(Worker, AnswersSoonWhenThereIsNoJob) {
  RoundWorld world(5, 0);
  EXPECT_FALSE(ScriptedWorker(world, 1).Lease().has_value());
}

TEST(Worker, AWaitingRequestLeasesTheJobAsSoonAsThereIsOne) {
  RoundWorld world(10, 0);
  v1::LeaseJobResponse response;
  grpc::Status status;
  std::thread waiting([&] {
    v1::LeaseJobRequest request;
    request.set_request_id("waiting");
    status = world.jobs->LeaseJob(world.Context(world.worker).get(), request, &response);
  });
  world.StartRound();
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
  world.StartRound();
  v1::LeaseJobRequest request;
  request.set_request_id("again");
  v1::LeaseJobResponse first;
  v1::LeaseJobResponse second;
  ASSERT_TRUE(world.jobs->LeaseJob(world.Context(world.worker).get(), request, &first).ok());
  ASSERT_TRUE(world.jobs->LeaseJob(world.Context(world.worker).get(), request, &second).ok());
  EXPECT_EQ(first.job().lease(), second.job().lease());
  EXPECT_FALSE(ScriptedWorker(world, 1).Lease().has_value());
}

TEST(Worker, AJobWhoseLeaseExpiredIsLeasedAgainFromItsLastCheckpoint) {
  RoundWorld world(10, 0);
  world.StartRound();
  ScriptedWorker worker(world, 1);
  const v1::Job expired = *worker.Lease();
  EXPECT_EQ(expired.checkpoint_iteration(), 0u);
  ASSERT_TRUE(worker.Checkpoint(expired, "state after fifty", 50).ok());
  world.ExpireLeases();
  const std::optional<v1::Job> taken = worker.Lease();
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(taken->job_id(), expired.job_id());
  EXPECT_NE(taken->lease(), expired.lease());
  EXPECT_EQ(taken->checkpoint_iteration(), 50u);
  EXPECT_EQ(taken->checkpoint_sha256(), ToBytes(HashOf("state after fifty")));

  // Whatever is still written under the expired lease is refused.
  EXPECT_EQ(ReasonOf(worker.Renew(expired)), "LEASE_ENDED");
  EXPECT_EQ(ReasonOf(worker.Checkpoint(expired, "state after sixty", 60)), "LEASE_ENDED");
  EXPECT_EQ(ReasonOf(worker.Complete(expired, TrainedWeights(expired, "late"))), "LEASE_ENDED");
  EXPECT_FALSE(world.blobs.Exists(HashOf("state after sixty")));
  v1::UploadPredictionsResponse stored;
  EXPECT_EQ(ReasonOf(worker.Upload(expired, {}, &stored)), "LEASE_ENDED");
  const auto refused = [&](auto method, auto request, auto response) {
    request.set_job_id(expired.job_id());
    request.set_lease(expired.lease());
    return ReasonOf((*world.jobs.*method)(world.Context(world.worker).get(), request, &response));
  };
  using Stub = v1::WorkerService::Stub;
  v1::SetImageAsideRequest aside;
  aside.set_image_id(world.ImageAt("pool", 0));
  aside.set_reason("late");
  EXPECT_EQ(refused(&Stub::SetImageAside, aside, v1::SetImageAsideResponse()), "LEASE_ENDED");
  v1::FailJobRequest fail;
  fail.set_error("late");
  EXPECT_EQ(refused(&Stub::FailJob, fail, v1::FailJobResponse()), "LEASE_ENDED");
  EXPECT_EQ(refused(&Stub::ReleaseJob, v1::ReleaseJobRequest(), v1::ReleaseJobResponse()), "LEASE_ENDED");
  EXPECT_EQ(world.Number("SELECT count(*) FROM image WHERE state <> 'usable'"), 0);
  EXPECT_EQ(world.Get(1).state(), "training");
  EXPECT_TRUE(worker.Complete(*taken, TrainedWeights(*taken, "in time")).ok());
  // Repeated under the same lease, CompleteJob gives the same answer.
  EXPECT_TRUE(worker.CompleteWith(*taken, TrainedWeights(*taken, "in time")).ok());
  EXPECT_EQ(world.Number("SELECT count(*) FROM model"), 1);
}

TEST(Worker, AnExpiredLeaseIsRenewedUntilAnotherWorkerAsksForAJob) {
  RoundWorld world(10, 0);
  world.StartRound();
  ScriptedWorker worker(world, 1);
  const v1::Job job = *worker.Lease();
  world.ExpireLeases();
  EXPECT_TRUE(worker.Renew(job).ok());
  EXPECT_FALSE(worker.Lease().has_value());
}

TEST(Worker, ACheckpointMustBeABlobAndGoForward) {
  RoundWorld world(10, 0);
  world.StartRound();
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

TEST(Worker, AJobWhoseLeaseExpiresFiveTimesWithoutProgressFailsItsRound) {
  RoundWorld world(10, 0);
  world.StartRound();
  ScriptedWorker worker(world, 1);
  for (int i = 1; i <= 5; ++i) {
    const std::optional<v1::Job> job = worker.Lease();
    ASSERT_TRUE(job.has_value()) << i;
    // A checkpoint after three expired leases begins the count anew.
    if (i == 4) {
      ASSERT_TRUE(worker.Checkpoint(*job, "further", 10).ok());
    }
    world.ExpireLeases();
    ASSERT_TRUE(world.planner.RunOnce().ok());
    EXPECT_EQ(world.Get(1).state(), "training");
  }
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(worker.Lease().has_value()) << i;
    world.ExpireLeases();
  }
  EXPECT_FALSE(worker.Lease().has_value());
  ASSERT_TRUE(world.planner.RunOnce().ok());
  EXPECT_EQ(world.Get(1).state(), "failed");
  EXPECT_THAT(world.Get(1).error(), HasSubstr("train job was lost 5 times"));
}

TEST(Worker, AReleasedJobIsFreeAtOnceAndCountsNoAttempt) {
  RoundWorld world(10, 0);
  world.StartRound();
  ScriptedWorker worker(world, 1);
  for (int i = 0; i < 7; ++i) {
    const std::optional<v1::Job> job = worker.Lease();
    ASSERT_TRUE(job.has_value()) << i;
    v1::ReleaseJobRequest request;
    request.set_job_id(job->job_id());
    request.set_lease(job->lease());
    v1::ReleaseJobResponse response;
    ASSERT_TRUE(world.jobs->ReleaseJob(world.Context(world.worker).get(), request, &response).ok());
    EXPECT_EQ(ReasonOf(worker.Renew(*job)), "LEASE_ENDED");
  }
}

TEST(Worker, AFailureThatMayPassIsTriedThreeTimes) {
  RoundWorld world(10, 0);
  world.StartRound();
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

TEST(Worker, TheQualityOfClassesIsKeptWithTheModel) {
  RoundWorld world(10, 0);
  world.Label("pool", 0, 5);
  world.Submit("");
  ASSERT_TRUE(world.planner.RunOnce().ok());
  ScriptedWorker worker(world, 1);
  const v1::Job job = *worker.Lease();
  const std::string weights = TrainedWeights(job, "quality");
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

TEST(Worker, WeightsThatAreNotWholeAreRefused) {
  RoundWorld world(10, 0);
  world.StartRound();
  ScriptedWorker worker(world, 1);
  const v1::Job job = *worker.Lease();
  const std::string whole = TrainedWeights(job, "weights");
  EXPECT_EQ(ReasonOf(worker.Complete(job, whole.substr(0, whole.size() - 1))), "BAD_WEIGHTS");
  EXPECT_EQ(ReasonOf(worker.Complete(job)), "BAD_WEIGHTS");
  EXPECT_EQ(ReasonOf(worker.Write(job, "these bytes", HashOf("other bytes"))), "BAD_BLOB");
  EXPECT_FALSE(world.blobs.Exists(HashOf("other bytes")));
  EXPECT_FALSE(world.blobs.Exists(HashOf("these bytes")));
  EXPECT_EQ(world.Number("SELECT count(*) FROM model"), 0);
  EXPECT_TRUE(worker.Complete(job, whole).ok());
}

TEST(Worker, ALeaseAnswersToItsHolderAlone) {
  RoundWorld world(10, 0);
  world.StartRound();
  ScriptedWorker worker(world, 1);
  const v1::Job job = *worker.Lease();
  EXPECT_GE(job.lease(), int64_t{1} << 59) << "not one after the other: it can't be guessed";
  world.database.Sql(
      "INSERT INTO principal (name, role, token_hash) VALUES ('other', 'worker', sha256('other'))");
  const std::string holder = std::exchange(world.worker, "other");
  EXPECT_EQ(ReasonOf(worker.Renew(job)), "LEASE_ENDED");
  EXPECT_EQ(ReasonOf(worker.Checkpoint(job, "state", 60)), "LEASE_ENDED");
  EXPECT_EQ(ReasonOf(worker.Complete(job, TrainedWeights(job, "stolen"))), "LEASE_ENDED");
  v1::FailJobRequest fail;
  fail.set_job_id(job.job_id());
  fail.set_lease(job.lease());
  fail.set_error("no");
  v1::FailJobResponse failed;
  EXPECT_EQ(ReasonOf(world.jobs->FailJob(world.Context(world.worker).get(), fail, &failed)), "LEASE_ENDED");
  world.worker = holder;
  EXPECT_TRUE(worker.Renew(job).ok());
}

TEST(Worker, ProgressResetsTheCountOfTransientFailures) {
  RoundWorld world(10, 0);
  world.StartRound();
  ScriptedWorker worker(world, 1);
  for (int failure = 0; failure < 6; ++failure) {
    const std::optional<v1::Job> job = worker.Lease();
    ASSERT_TRUE(job.has_value()) << failure;
    ASSERT_TRUE(worker.Checkpoint(*job, absl::StrCat("state ", failure), 10 + failure).ok());
    v1::FailJobRequest fail;
    fail.set_job_id(job->job_id());
    fail.set_lease(job->lease());
    fail.set_error("the disk was full");
    fail.set_transient(true);
    v1::FailJobResponse failed;
    ASSERT_TRUE(world.jobs->FailJob(world.Context(world.worker).get(), fail, &failed).ok());
  }
  EXPECT_EQ(world.Get(1).state(), "training");
}

class BlobsOfJobs : public ::testing::Test {
 protected:
  // A picture of the world, whose images have the hashes of such texts.
  Sha256 Store(const std::string& bytes) {
    absl::StatusOr<BlobWriter> writer = world_.blobs.NewWriter(bytes.size());
    EXPECT_TRUE(writer.ok() && writer->Append(bytes).ok() && writer->Commit().ok());
    return HashOf(bytes);
  }

  // The blob, or the error's reason.
  std::string Read(const v1::Job& job, const Sha256& hash) {
    v1::ReadBlobRequest request;
    request.set_job_id(job.job_id());
    request.set_lease(job.lease());
    request.set_sha256(ToBytes(hash));
    const auto context = world_.Context(world_.worker);
    const auto reader = world_.jobs->ReadBlob(context.get(), request);
    std::string bytes;
    v1::ReadBlobResponse response;
    while (reader->Read(&response)) bytes += response.chunk();
    const grpc::Status status = reader->Finish();
    return status.ok() ? bytes : ReasonOf(status);
  }

  grpc::Status Drop(const v1::Job& job, const std::string& checkpoint) {
    v1::DropCheckpointRequest request;
    request.set_job_id(job.job_id());
    request.set_lease(job.lease());
    request.set_sha256(ToBytes(HashOf(checkpoint)));
    v1::DropCheckpointResponse response;
    return world_.jobs->DropCheckpoint(world_.Context(world_.worker).get(), request, &response);
  }

  RoundWorld world_{10, 2};
  ScriptedWorker worker_{world_, 1};
};

TEST_F(BlobsOfJobs, AreReadAndNoOthers) {
  const Sha256 labelled = Store("pool0"), open = Store("pool7"), holdout = Store("holdout0");
  const Sha256 strange = Store("a secret of another project");
  world_.StartRound();
  const v1::Job train = *worker_.Lease();
  const std::string checkpoint(3 << 20, 'x');
  ASSERT_TRUE(worker_.Checkpoint(train, checkpoint, 50).ok());
  EXPECT_TRUE(Read(train, HashOf(checkpoint)) == checkpoint);
  EXPECT_EQ(Read(train, labelled), "pool0");
  for (const Sha256& other : {open, holdout, strange, HashOf("nothing")}) {
    EXPECT_EQ(Read(train, other), "NO_SUCH_BLOB");
  }
  v1::Job forged = train;
  forged.set_lease(train.lease() + 1);
  EXPECT_EQ(Read(forged, labelled), "LEASE_ENDED");

  worker_.Do(train);
  ASSERT_TRUE(world_.planner.RunOnce().ok());
  ASSERT_TRUE(world_.planner.RunOnce().ok());
  const v1::Job predict = *worker_.Lease();
  ASSERT_EQ(predict.kind(), v1::PREDICT);
  EXPECT_EQ(Read(predict, labelled), "pool0");
  EXPECT_EQ(Read(predict, open), "pool7");
  EXPECT_EQ(Read(predict, *FromBytes(predict.weights_sha256())).size(),
            world_.Number("SELECT weights_bytes FROM model"));
  for (const Sha256& other : {holdout, strange, HashOf(checkpoint)}) {
    EXPECT_EQ(Read(predict, other), "NO_SUCH_BLOB");
  }
  EXPECT_EQ(Read(train, labelled), "LEASE_ENDED");
}

TEST_F(BlobsOfJobs, WeightsToStartFromAreRead) {
  const Sha256 weights = Store(MadeUpWeights("imported"));
  const Sha256 others = Store(MadeUpWeights("of another model"));
  world_.database.Sql(absl::StrCat(
      "INSERT INTO model (project_id, number, name, preset, state, weights_sha256, weights_bytes) VALUES "
      "(1, 1, 'start', 'small', 'candidate', '\\x",
      ToHex(weights), "', 1), (1, 2, 'other', 'small', ", "'candidate', '\\x", ToHex(others), "', 1)"));
  world_.Label("pool", 0, 5);
  world_.Submit("detector { init_model: 'start' }");
  ASSERT_TRUE(world_.planner.RunOnce().ok());
  const v1::Job train = *worker_.Lease();
  EXPECT_EQ(Read(train, weights), MadeUpWeights("imported"));
  EXPECT_EQ(Read(train, others), "NO_SUCH_BLOB");
}

TEST_F(BlobsOfJobs, TheLastTwoCheckpointsAreKept) {
  world_.StartRound();
  v1::Job job = *worker_.Lease();
  for (const uint64_t iteration : {10, 20, 30}) {
    ASSERT_TRUE(worker_.Checkpoint(job, absl::StrCat("after ", iteration), iteration).ok());
  }
  EXPECT_TRUE(worker_.Checkpoint(job, "after 30", 30).ok()) << "its answer may have been lost";
  EXPECT_EQ(worker_.Checkpoint(job, "another", 30).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_FALSE(world_.blobs.Exists(HashOf("after 10")));
  EXPECT_TRUE(world_.blobs.Exists(HashOf("after 20")));

  // The last one is broken: another worker goes on from the one before, and saves again.
  world_.ExpireLeases();
  job = *worker_.Lease();
  EXPECT_EQ(job.checkpoint_sha256(), ToBytes(HashOf("after 30")));
  EXPECT_EQ(job.previous_checkpoint_sha256(), ToBytes(HashOf("after 20")));
  EXPECT_EQ(job.previous_checkpoint_iteration(), 20u);
  EXPECT_EQ(Read(job, HashOf("after 20")), "after 20");
  EXPECT_TRUE(Drop(job, "after 30").ok());
  EXPECT_TRUE(Drop(job, "after 30").ok()) << "it may be repeated, and drops no other";
  EXPECT_TRUE(worker_.Checkpoint(job, "after 25", 25).ok());
  world_.ExpireLeases();
  const v1::Job next = *worker_.Lease();
  EXPECT_EQ(ReasonOf(Drop(job, "after 25")), "LEASE_ENDED");
  EXPECT_EQ(next.checkpoint_iteration(), 25u);
  EXPECT_EQ(next.previous_checkpoint_iteration(), 20u);
  EXPECT_TRUE(Drop(next, "after 25").ok());
  EXPECT_TRUE(Drop(next, "after 20").ok());
  EXPECT_TRUE(worker_.Checkpoint(next, "after 10 again", 10).ok());
}

TEST(Worker, WeightsOfAnotherDetectorAreRefusedByName) {
  RoundWorld world(10, 0);
  world.StartRound();
  ScriptedWorker worker(world, 1);
  const v1::Job job = *worker.Lease();
  v1::Job other = job;
  other.add_classes();
  const grpc::Status classes = worker.Complete(job, TrainedWeights(other, ""));
  EXPECT_EQ(ReasonOf(classes), "BAD_WEIGHTS");
  EXPECT_NE(classes.error_message().find("roi_heads.box_predictor.cls_score.weight"), std::string::npos)
      << classes.error_message();
  const grpc::Status backbone = worker.Complete(job, MadeUpWeights(""));
  EXPECT_EQ(ReasonOf(backbone), "BAD_WEIGHTS");
  EXPECT_NE(backbone.error_message().find("is missing"), std::string::npos) << backbone.error_message();
  EXPECT_EQ(world.Number("SELECT count(*) FROM model"), 0);
  EXPECT_TRUE(worker.Complete(job, TrainedWeights(job, "")).ok());
}

TEST(Worker, ProgressIsSeenInTheRound) {
  RoundWorld world(10, 0);
  world.StartRound();
  ScriptedWorker worker(world, 1);
  const v1::Job job = *worker.Lease();
  const auto version = world.Number("SELECT version FROM round");
  v1::JobProgress progress;
  progress.set_done(30);
  progress.set_total(400);
  progress.set_loss(0.75);
  ASSERT_TRUE(worker.Renew(job, progress).ok());
  EXPECT_GT(world.Number("SELECT version FROM round"), version);
  v1::JobProgress seen = world.Get(1).progress();
  EXPECT_EQ(seen.kind(), "train");
  EXPECT_EQ(seen.done(), 30u);
  EXPECT_EQ(seen.total(), 400u);
  EXPECT_EQ(seen.loss(), 0.75);
  EXPECT_FALSE(seen.has_ap50()) << "nothing was measured yet";
  progress.set_ap50(0.375);
  ASSERT_TRUE(worker.Renew(job, progress).ok());
  EXPECT_EQ(world.Get(1).progress().ap50(), 0.375);

  // CompleteJob reports what happened after the last heartbeat.
  const std::string weights = TrainedWeights(job, "trained");
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
