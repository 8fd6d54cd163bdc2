// What happened in a round, and how its training went.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "absl/strings/str_cat.h"
#include "db/stores/job_store.h"
#include "tests/server/rounds/round_world.h"

namespace loupe {
namespace {

using ::testing::ElementsAre;

v1::RoundLog LogOf(RoundWorld& world, uint32_t number = 1) {
  v1::GetRoundLogRequest request;
  request.set_number(number);
  v1::RoundLog log;
  const grpc::Status status = world.rounds->GetRoundLog(world.Context(world.engineer).get(), request, &log);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return log;
}

std::vector<std::string> TextsOf(const v1::RoundLog& log) {
  std::vector<std::string> texts;
  for (const v1::RoundLine& line : log.lines()) texts.push_back(line.text());
  return texts;
}

v1::JobProgress At(uint64_t done, double loss) {
  v1::JobProgress progress;
  progress.set_done(done);
  progress.set_total(10'000);
  progress.set_loss(loss);
  progress.set_images_per_second(12);
  return progress;
}

TEST(RoundLog, TellsAWholeRound) {
  RoundWorld world(20, 10);
  world.Label("pool", 0, 5);
  world.Label("holdout", 0, 10);
  world.Submit("ranking { budget: 10 } prediction { shard_size: 500 }");
  ScriptedWorker worker(world, 0.9);
  ASSERT_EQ(worker.Finish(1).state(), "done");
  const v1::RoundLog log = LogOf(world);
  const int64_t train = world.Number("SELECT id FROM job WHERE kind = 'train'");
  EXPECT_THAT(
      TextsOf(log),
      ElementsAre(
          "waiting", "training", "worker scripted took the training", "the training is done", "evaluating",
          absl::StrCat("worker scripted took the judging of 10 images (job ", train + 1, ")"),
          absl::StrCat("the judging of 10 images (job ", train + 1, ") is done"), "predicting",
          absl::StrCat("worker scripted took the prediction of 20 images (job ", train + 2, ")"),
          absl::StrCat("the prediction of 20 images (job ", train + 2, ") is done"), "ranking", "done"));
  for (int i = 1; i < log.lines_size(); ++i) EXPECT_GT(log.lines(i).id(), log.lines(i - 1).id());
  EXPECT_THAT(TextsOf(LogOf(world, 0)), testing::SizeIs(log.lines_size())) << "the latest round";
}

TEST(RoundLog, TellsOfALostWorkerACheckpointAndAFailure) {
  RoundWorld world(20, 0);
  world.StartRound();
  ScriptedWorker worker(world, 0.9);
  v1::Job job = *worker.Lease();
  ASSERT_TRUE(worker.Checkpoint(job, "weights", 300).ok());
  world.ExpireLeases();
  job = *worker.Lease();
  v1::ReleaseJobRequest release;
  release.set_job_id(job.job_id());
  release.set_lease(job.lease());
  v1::ReleaseJobResponse released;
  ASSERT_TRUE(world.jobs->ReleaseJob(world.Context(world.worker).get(), release, &released).ok());
  for (const bool transient : {true, false}) {
    job = *worker.Lease();
    v1::FailJobRequest request;
    request.set_job_id(job.job_id());
    request.set_lease(job.lease());
    request.set_error("no memory: choose a smaller batch");
    request.set_transient(transient);
    v1::FailJobResponse response;
    ASSERT_TRUE(world.jobs->FailJob(world.Context(world.worker).get(), request, &response).ok());
  }
  constexpr char kTaken[] = "worker scripted took the training, from the checkpoint of iteration 300";
  EXPECT_THAT(
      TextsOf(LogOf(world)),
      ElementsAre("waiting", "training", "worker scripted took the training",
                  "checkpoint of iteration 300 saved",
                  "worker scripted was not heard of for a minute: the training is free for another worker",
                  kTaken, "the training was given back by its worker", kTaken,
                  "the training failed and is tried again: no memory: choose a smaller batch", kTaken,
                  "failed: no memory: choose a smaller batch"));
}

TEST(RoundLog, KeepsTheFirstLinesOfEachKind) {
  RoundWorld world(10, 0);
  world.StartRound();
  world.database.Sql(
      "SELECT add_round_line(1, 'image_set_aside', repeat('x', 5000)) FROM generate_series(1, 300)");
  world.database.Sql("SELECT add_round_line(1, 'job_lost', 'the last')");
  const v1::RoundLog log = LogOf(world);
  EXPECT_EQ(log.lines_size(), 2 + 200 + 1);
  EXPECT_EQ(log.lines(5).text().size(), 1000U);
  EXPECT_EQ(log.lines().rbegin()->text(), "the last");
}

TEST(RoundLog, AnImageThatIsSetAsideIsALineOnce) {
  RoundWorld world(10, 0);
  world.StartRound();
  ScriptedWorker worker(world, 0.9);
  const v1::Job job = *worker.Lease();
  v1::SetImageAsideRequest request;
  request.set_job_id(job.job_id());
  request.set_lease(job.lease());
  request.set_image_id(world.ImageAt("pool", 1));
  request.set_reason("it can't be decoded");
  v1::SetImageAsideResponse response;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(world.jobs->SetImageAside(world.Context(world.worker).get(), request, &response).ok());
  }
  EXPECT_THAT(TextsOf(LogOf(world)), ElementsAre("waiting", "training", "worker scripted took the training",
                                                 "pool-1.png was set aside: it can't be decoded"));
}

TEST(RoundLog, KeepsWhatATrainingReports) {
  RoundWorld world(10, 0);
  world.StartRound();
  ScriptedWorker worker(world, 0.9);
  const v1::Job job = *worker.Lease();
  ASSERT_TRUE(worker.Renew(job).ok());  // it has not begun
  ASSERT_TRUE(worker.Renew(job, At(10, 2.5)).ok());
  v1::JobProgress measured = At(20, 1.5);
  measured.set_ap50(0.25);
  ASSERT_TRUE(worker.Renew(job, measured).ok());
  const v1::RoundLog log = LogOf(world);
  ASSERT_EQ(log.points_size(), 2);
  EXPECT_EQ(log.points(0).iteration(), 10U);
  EXPECT_EQ(log.points(0).loss(), 2.5);
  EXPECT_EQ(log.points(0).images_per_second(), 12);
  EXPECT_FALSE(log.points(0).has_ap50());
  EXPECT_EQ(log.points(1).ap50(), 0.25);
}

TEST(RoundLog, NumbersOutOfTheOrdinaryBreakNoHeartbeat) {
  RoundWorld world(10, 0);
  world.StartRound();
  ScriptedWorker worker(world, 0.9);
  const v1::Job job = *worker.Lease();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const double loss : {std::numeric_limits<double>::quiet_NaN(), kInfinity, -kInfinity, 1e308}) {
    EXPECT_TRUE(worker.Renew(job, At(std::numeric_limits<uint64_t>::max(), loss)).ok()) << loss;
  }
  EXPECT_EQ(LogOf(world).points_size(), 4);
}

// Whatever its length, a training keeps at most 400 points, evenly spread, and its last hundred heartbeats
// are not left out.
TEST(RoundLog, ALongTrainingIsThinned) {
  RoundWorld world(10, 0);
  world.StartRound();
  const JobId job(world.Number("SELECT id FROM job"));
  int most = 0;
  for (int beat = 1; beat <= 2500; beat += 100) {
    ASSERT_TRUE(world.database.get()
                    .Transact({"Beat", absl::Minutes(1)},
                              [&](Transaction& transaction) {
                                for (int i = beat; i < beat + 100; ++i) {
                                  SetJobProgress(transaction, job, At(static_cast<uint64_t>(i), 1));
                                }
                                return absl::OkStatus();
                              })
                    .ok());
    most = std::max(most, LogOf(world).points_size());
  }
  EXPECT_GT(most, 300);
  EXPECT_LE(most, 400);
  const v1::RoundLog log = LogOf(world);
  EXPECT_GE(log.points_size(), 200);
  for (int i = 1; i < log.points_size(); ++i) {
    EXPECT_EQ(log.points(i).iteration() - log.points(i - 1).iteration(), 8U);
  }
  EXPECT_GT(log.points().rbegin()->iteration(), 2490U);
}

TEST(RoundLog, IsForThoseWhoRead) {
  RoundWorld world(10, 0);
  world.StartRound();
  v1::RoundLog log;
  v1::GetRoundLogRequest request;
  const grpc::Status refused = world.rounds->GetRoundLog(world.Context(world.annotator).get(), request, &log);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  request.set_number(7);
  const grpc::Status none = world.rounds->GetRoundLog(world.Context(world.engineer).get(), request, &log);
  EXPECT_EQ(ReasonOf(none), "NO_SUCH_ROUND");
}

TEST(RoundLog, ACancelledRoundSaysSoOnce) {
  RoundWorld world(10, 0);
  world.StartRound();
  v1::CancelRoundRequest request;
  request.set_request_id(world.NewRequestId());
  request.set_number(1);
  v1::Round round;
  ASSERT_TRUE(world.rounds->CancelRound(world.Context(world.engineer).get(), request, &round).ok());
  EXPECT_THAT(TextsOf(LogOf(world)), ElementsAre("waiting", "training", "cancelled"));
}

}  // namespace
}  // namespace loupe
