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
  EXPECT_EQ(ReasonOf(worker.Complete(expired, MadeUpWeights("late"))), "LEASE_ENDED");
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
  EXPECT_TRUE(worker.Complete(*taken, MadeUpWeights("in time")).ok());
  // Repeated under the same lease, CompleteJob gives the same answer.
  EXPECT_TRUE(worker.CompleteWith(*taken, MadeUpWeights("in time")).ok());
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

TEST(Worker, WeightsThatAreNotWholeAreRefused) {
  RoundWorld world(10, 0);
  world.StartRound();
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
  EXPECT_EQ(ReasonOf(worker.Complete(job, MadeUpWeights("stolen"))), "LEASE_ENDED");
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

TEST(Worker, ReadsBlobsByHash) {
  RoundWorld world(10, 0);
  world.StartRound();
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
