// Whole rounds: over a real PostgreSQL and a real port, with a worker that makes its predictions up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "server/rounds/round_steps.h"
#include "tests/server/rounds/round_world.h"

namespace loupe {
namespace {

using ::testing::HasSubstr;

constexpr char kRoundRecipe[] = "ranking { budget: 10 } prediction { shard_size: 32 }";

TEST(Round, GoesFromLabelsToARankingThatIsServed) {
  RoundWorld world(100, 40);
  world.Label("pool", 0, 20);
  world.Label("holdout", 0, 25);
  world.Label("holdout", 30, 32, /*blind=*/false);
  const v1::Round submitted = world.Submit(kRoundRecipe);
  EXPECT_EQ(submitted.state(), "waiting");
  EXPECT_EQ(submitted.snapshot_images(), 20u);
  EXPECT_EQ(submitted.snapshot_boxes(), 20u);
  EXPECT_EQ(submitted.recipe().training().iterations(), 400u);
  EXPECT_EQ(submitted.recipe().ranking().strategy(), "entropy");

  const v1::Round round = ScriptedWorker(world, 0.9).Finish(1);
  EXPECT_EQ(round.state(), "done") << round.error();
  EXPECT_EQ(round.gate().outcome(), v1::GATE_FIRST);
  EXPECT_EQ(round.evaluation().images(), 25u);
  EXPECT_TRUE(round.evaluation().random_sample());
  EXPECT_GT(round.evaluation().ap50(), 0.8);
  ASSERT_EQ(round.steps_size(), 5);
  EXPECT_EQ(round.steps(0).step(), "waiting");
  EXPECT_EQ(round.steps(4).step(), "ranking");

  v1::Model model;
  ASSERT_TRUE(world.models->GetModel(world.Context(world.annotator).get(), {}, &model).ok());
  EXPECT_EQ(model.name(), "round-1");
  EXPECT_EQ(model.state(), "serving");
  EXPECT_EQ(model.snapshot_images(), 20u);

  // Ten times the depth factor of 4, and one holdout image after every fourth.
  EXPECT_EQ(world.Number("SELECT count(*) FROM ranking WHERE state = 'active' AND generation = 1"), 1);
  EXPECT_EQ(world.Number("SELECT eligible FROM ranking WHERE generation = 1"), 80);
  EXPECT_EQ(world.Number("SELECT count(*) FROM ranking_entry WHERE image_side = 'pool'"), 40);
  EXPECT_EQ(world.Number("SELECT max(position) - count(*) FROM ranking_entry"), -1);
  EXPECT_EQ(
      world.Number("SELECT count(*) FROM ranking_entry WHERE slice = 'random' AND probability <> 8 / 80.0"),
      0);
  EXPECT_EQ(world.Number("SELECT count(*) FROM ranking_entry WHERE slice = 'random'"), 8);
  EXPECT_EQ(world.Number("SELECT count(*) FROM ranking_entry WHERE slice = 'uncertain' AND score IS NULL"),
            0);
  EXPECT_EQ(world.Number("SELECT count(*) FROM ranking_entry JOIN image ON image.id = image_id "
                         "WHERE truth_revision_id IS NOT NULL"),
            0);
  // 30 are wanted, 25 are labelled: the next 5 by sampling key.
  EXPECT_EQ(world.Text("SELECT string_agg(file_name, ' ' ORDER BY position) FROM ranking_entry "
                       "JOIN image ON image.id = image_id WHERE slice = 'holdout' AND ranking_entry.blind"),
            "holdout-25.png holdout-26.png holdout-27.png holdout-28.png holdout-29.png");
}

TEST(Round, LabelsThatAreNoPrefixOfTheOrderAreNoRandomSample) {
  RoundWorld world(20, 40);
  world.Label("pool", 0, 5);
  world.Label("holdout", 1, 26);
  world.Submit(kRoundRecipe);
  const v1::Round round = ScriptedWorker(world, 0.9).Finish(1);
  EXPECT_EQ(round.evaluation().images(), 25u);
  EXPECT_FALSE(round.evaluation().random_sample());
}

TEST(Round, WithoutALabelledHoldoutTheModelServesAndIsNotJudged) {
  RoundWorld world(20, 10);
  world.Label("pool", 0, 5);
  world.Submit(kRoundRecipe);
  const v1::Round round = ScriptedWorker(world, 0.9).Finish(1);
  EXPECT_EQ(round.state(), "done") << round.error();
  EXPECT_EQ(round.gate().outcome(), v1::GATE_NOT_JUDGED);
  EXPECT_EQ(world.Text("SELECT state FROM model"), "serving");
  EXPECT_EQ(world.Number("SELECT count(*) FROM job WHERE kind = 'evaluate'"), 0);
}

TEST(Round, AWorseModelIsHeldAndItsRankingWaitsForAPromotion) {
  RoundWorld world(60, 40);
  world.Label("pool", 0, 20);
  world.Label("holdout", 0, 40);
  world.Submit(kRoundRecipe);
  ScriptedWorker(world, 0.9).Finish(1);
  world.Submit(kRoundRecipe);
  const v1::Round round = ScriptedWorker(world, 0.2).Finish(2);
  EXPECT_EQ(round.state(), "done") << round.error();
  EXPECT_EQ(round.gate().outcome(), v1::GATE_HELD);
  EXPECT_EQ(round.gate().against_model(), 1u);
  EXPECT_LT(round.gate().difference_high(), 0);
  EXPECT_EQ(world.Text("SELECT string_agg(state, ' ' ORDER BY number) FROM model"), "serving held");
  EXPECT_EQ(world.Text("SELECT string_agg(state, ' ' ORDER BY generation) FROM ranking"),
            "retired active building");
  EXPECT_GT(world.Number("SELECT count(*) FROM ranking_entry JOIN ranking ON ranking.id = ranking_id "
                         "WHERE state = 'building'"),
            0);

  v1::PromoteModelRequest promote;
  promote.set_request_id(world.NewRequestId());
  promote.set_model("2");
  v1::Model model;
  ASSERT_TRUE(world.models->PromoteModel(world.Context(world.engineer).get(), promote, &model).ok());
  EXPECT_EQ(model.state(), "serving");
  EXPECT_EQ(world.Text("SELECT string_agg(state, ' ' ORDER BY number) FROM model"), "retired serving");
  EXPECT_EQ(world.Text("SELECT string_agg(state, ' ' ORDER BY generation) FROM ranking"),
            "retired retired active");

  v1::RollbackModelRequest rollback;
  rollback.set_request_id(world.NewRequestId());
  for (int i = 0; i < 2; ++i) {  // the same request twice goes back once
    ASSERT_TRUE(world.models->RollbackModel(world.Context(world.engineer).get(), rollback, &model).ok());
    EXPECT_EQ(model.number(), 1u);
  }
  EXPECT_EQ(world.Text("SELECT string_agg(state, ' ' ORDER BY number) FROM model"), "serving retired");
  EXPECT_EQ(world.Text("SELECT string_agg(state, ' ' ORDER BY generation) FROM ranking"),
            "retired active retired");
  rollback.set_request_id(world.NewRequestId());
  const grpc::Status status =
      world.models->RollbackModel(world.Context(world.engineer).get(), rollback, &model);
  EXPECT_EQ(ReasonOf(status), "NOTHING_BEFORE");
}

TEST(Round, ABetterModelPassesAndTheServingOneIsJudgedOnWhatIsNewToIt) {
  RoundWorld world(60, 40);
  world.Label("pool", 0, 20);
  world.Label("holdout", 0, 30);
  world.Submit(kRoundRecipe);
  ScriptedWorker(world, 0.5).Finish(1);
  world.Label("holdout", 30, 40);
  world.Submit(kRoundRecipe);
  const v1::Round round = ScriptedWorker(world, 0.95).Finish(2);
  EXPECT_EQ(round.gate().outcome(), v1::GATE_PASSED);
  EXPECT_EQ(round.gate().images(), 40u);
  EXPECT_GT(round.gate().difference_low(), 0);
  EXPECT_EQ(world.Number("SELECT images FROM job WHERE kind = 'evaluate' AND round_id = 2 AND model_id = 1"),
            10);
  EXPECT_EQ(world.Number("SELECT count(*) FROM evaluation WHERE model_id = 1"), 2);
  EXPECT_EQ(world.Text("SELECT string_agg(state, ' ' ORDER BY number) FROM model"), "retired serving");
  EXPECT_EQ(world.Number("SELECT replaced_id FROM model WHERE number = 2"), 1);
}

TEST(Round, TheHoldoutIsNeverTrainedOn) {
  RoundWorld world(20, 10);
  world.Label("pool", 0, 5);
  world.Label("holdout", 0, 10);
  EXPECT_EQ(world.Submit(kRoundRecipe).snapshot_images(), 5u);
  ASSERT_TRUE(world.planner.RunOnce().ok());
  ScriptedWorker worker(world, 0.9);
  const std::optional<v1::Job> job = worker.Lease();
  ASSERT_TRUE(job.has_value());
  EXPECT_EQ(job->kind(), v1::TRAIN);
  int64_t before = 0;
  for (const v1::SnapshotItem& item : worker.ReadSnapshot(*job)) {
    EXPECT_EQ(item.image().side(), v1::POOL);
    EXPECT_GT(item.image().id(), before);
    ASSERT_EQ(item.boxes_size(), 1);
    EXPECT_EQ(item.boxes(0).label(), world.ClassOn(item.image().id()));
    before = item.image().id();
  }
  const std::string holdout = std::to_string(world.ImageAt("holdout", 0));
  EXPECT_ANY_THROW(world.database.Sql("INSERT INTO snapshot_item VALUES (1, " + holdout + ", 'holdout', 1)"));
  EXPECT_ANY_THROW(world.database.Sql("INSERT INTO snapshot_item VALUES (1, " + holdout + ", 'pool', 1)"));
  EXPECT_ANY_THROW(world.database.Sql("INSERT INTO ranking_entry VALUES (1, 0, " + holdout +
                                      ", 'holdout', 'holdout', NULL, NULL, false)"));
}

TEST(Round, StepsTakenTwiceAndLateChangeNothing) {
  RoundWorld world(60, 30);
  world.Label("pool", 0, 20);
  world.Label("holdout", 0, 25);
  world.Submit(kRoundRecipe);
  Database& database = world.database.get();
  ScriptedWorker worker(world, 0.9);
  const auto everything = [&] {
    for (const RoundState state : {RoundState::kWaiting, RoundState::kTraining, RoundState::kEvaluating,
                                   RoundState::kPredicting, RoundState::kRanking, RoundState::kDone}) {
      const OpenRound open{RoundId(1), ProjectId(1), 1, state};
      for (int twice = 0; twice < 2; ++twice) {
        EXPECT_TRUE(StartRound(database, open).ok());
        EXPECT_TRUE(FinishTraining(database, open).ok());
        EXPECT_TRUE(FinishEvaluating(database, open).ok());
        EXPECT_TRUE(FinishPredicting(database, open).ok());
        EXPECT_TRUE(BuildRanking(database, open).ok());
        EXPECT_TRUE(FinishRanking(database, world.blobs, open).ok());
      }
    }
  };
  for (int pass = 0; pass < 20 && !world.Get(1).has_ended_at(); ++pass) {
    everything();
    if (world.Number("SELECT count(*) FROM job WHERE state = 'waiting'") > 0) worker.Do(*worker.Lease());
  }
  everything();
  EXPECT_EQ(world.Get(1).state(), "done");
  EXPECT_EQ(world.Number("SELECT count(*) FROM job WHERE kind = 'train'"), 1);
  EXPECT_EQ(world.Number("SELECT count(*) FROM job WHERE kind = 'evaluate'"), 1);
  EXPECT_EQ(world.Number("SELECT count(*) FROM job WHERE kind = 'predict'"), 2);
  EXPECT_EQ(world.Number("SELECT count(*) FROM model"), 1);
  EXPECT_EQ(world.Number("SELECT count(*) FROM evaluation"), 1);
  EXPECT_EQ(world.Number("SELECT count(*) FROM ranking"), 2);
}

TEST(Round, ManyPlannersAndWorkersMakeOneOfEverything) {
  RoundWorld world(200, 40);
  world.Label("pool", 0, 20);
  world.Label("holdout", 0, 40);
  for (int i = 0; i < 3; ++i) world.Submit("ranking { budget: 10 } prediction { shard_size: 10 }");
  RoundPlanner second(world.database.get(), world.blobs);
  RoundPlanner third(world.database.get(), world.blobs);
  world.planner.Start();
  second.Start();
  third.Start();
  std::vector<std::thread> workers;
  for (int i = 0; i < 3; ++i) {
    workers.emplace_back([&] {
      ScriptedWorker worker(world, 0.9);
      while (!world.Get(3).has_ended_at()) {
        if (const std::optional<v1::Job> job = worker.Lease()) worker.Do(*job);
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(world.Number("SELECT count(*) FROM round WHERE state = 'done'"), 3);
  EXPECT_EQ(world.Number("SELECT count(*) FROM model"), 3);
  EXPECT_EQ(world.Number("SELECT count(*) FROM job WHERE kind = 'predict'"), 3 * 20);
  EXPECT_EQ(world.Number("SELECT count(*) FROM ranking"), 4);
  EXPECT_EQ(world.Number("SELECT count(*) FROM ranking WHERE state = 'active' AND generation = 3"), 1);
  EXPECT_EQ(world.Number("SELECT count(*) FROM lease"), 0);
}

TEST(Round, ARecipeIsRefusedWhole) {
  RoundWorld world(10, 0);
  world.Label("pool", 0, 5);
  const auto refused = [&](const std::string& recipe) {
    v1::SubmitRoundRequest request;
    request.set_request_id(world.NewRequestId());
    request.set_recipe(recipe);
    v1::Round round;
    return world.rounds->SubmitRound(world.Context(world.engineer).get(), request, &round);
  };
  const grpc::Status unknown = refused("training {\n  iterationz: 3\n}");
  EXPECT_EQ(unknown.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(unknown), "BAD_RECIPE");
  EXPECT_THAT(unknown.error_message(), HasSubstr("line 2"));
  const grpc::Status range = refused("ranking { random_share: 1.5 }");
  EXPECT_EQ(ReasonOf(range), "BAD_RECIPE");
  EXPECT_THAT(range.error_message(), HasSubstr("ranking.random_share"));
  EXPECT_EQ(ReasonOf(refused("detector { init_model: \"nobody\" }")), "NO_SUCH_MODEL");
  EXPECT_EQ(world.Number("SELECT count(*) FROM round"), 0);
  EXPECT_EQ(world.Number("SELECT count(*) FROM snapshot"), 0);
}

TEST(Round, OverridesMustFitTheWeightsToStartFrom) {
  RoundWorld world(10, 0);
  world.Label("pool", 0, 5);
  world.Submit("");
  ScriptedWorker worker(world, 1);
  ASSERT_EQ(worker.Finish(1).state(), "done");
  const auto submit = [&](const std::string& overrides) {
    v1::SubmitRoundRequest request;
    request.set_request_id(world.NewRequestId());
    request.set_recipe(absl::StrCat("detector { init_model: 'round-1' overrides { ", overrides, " } }"));
    v1::Round round;
    return world.rounds->SubmitRound(world.Context(world.engineer).get(), request, &round);
  };
  const grpc::Status wider = submit("fpn_channels: 128");
  EXPECT_EQ(ReasonOf(wider), "BAD_RECIPE");
  EXPECT_THAT(wider.error_message(), HasSubstr("detector.overrides: "));
  EXPECT_THAT(wider.error_message(), HasSubstr("backbone.fpn"));
  EXPECT_THAT(submit("box_nms_threshold: 2").error_message(), HasSubstr("box_nms_threshold is 2"));
  EXPECT_EQ(world.Number("SELECT count(*) FROM round"), 1);
  ASSERT_TRUE(submit("box_nms_threshold: 0.3").ok());
  ASSERT_TRUE(world.planner.RunOnce().ok());
  const std::optional<v1::Job> job = worker.Lease();
  ASSERT_TRUE(job.has_value());
  // As a worker would train it that doesn't know overrides.
  const grpc::Status ignored = worker.Complete(*job, TrainedWeights(*job, "without"));
  EXPECT_EQ(ReasonOf(ignored), "BAD_WEIGHTS");
  EXPECT_THAT(ignored.error_message(), HasSubstr("detector.overrides"));
}

TEST(Round, OnlyUsableImagesAreFrozenAndOnesExcludedLaterStay) {
  RoundWorld world(20, 0);
  world.Label("pool", 0, 6);
  const auto set = [&world](int place, const char* state) {
    world.database.Sql(absl::StrCat("UPDATE image SET state = '", state,
                                    "', state_reason = 'test' WHERE id = ", world.ImageAt("pool", place)));
  };
  set(0, "excluded");
  set(1, "set_aside");
  EXPECT_EQ(world.Submit("").snapshot_images(), 4u);
  set(2, "excluded");
  set(3, "set_aside");
  ScriptedWorker worker(world, 1);
  ASSERT_TRUE(world.planner.RunOnce().ok());
  const std::optional<v1::Job> job = worker.Lease();
  ASSERT_TRUE(job.has_value());
  std::set<int64_t> trained_on;
  for (const v1::SnapshotItem& item : worker.ReadSnapshot(*job)) trained_on.insert(item.image().id());
  EXPECT_EQ(trained_on, (std::set<int64_t>{world.ImageAt("pool", 2), world.ImageAt("pool", 4),
                                           world.ImageAt("pool", 5)}));
  for (int place = 4; place < 6; ++place) set(place, "excluded");
  v1::Round round;
  v1::SubmitRoundRequest request;
  request.set_request_id(world.NewRequestId());
  const grpc::Status status = world.rounds->SubmitRound(world.Context(world.engineer).get(), request, &round);
  EXPECT_EQ(ReasonOf(status), "NO_LABELS");
}

TEST(Round, LabelsAreThoseOfTheSubmissionAndRoundsRunOneAfterTheOther) {
  RoundWorld world(20, 0);
  world.Label("pool", 0, 5);
  EXPECT_EQ(world.Submit("").snapshot_images(), 5u);
  world.Label("pool", 5, 8);
  EXPECT_EQ(world.Submit("").snapshot_images(), 8u);
  ScriptedWorker worker(world, 1);
  for (int time = 0; time < 2; ++time) ASSERT_TRUE(world.planner.RunOnce().ok());
  EXPECT_EQ(world.Get(2).state(), "waiting");
  const std::optional<v1::Job> job = worker.Lease();
  ASSERT_TRUE(job.has_value());
  EXPECT_EQ(worker.ReadSnapshot(*job).size(), 5u);
  EXPECT_FALSE(worker.Lease().has_value());
  worker.Do(*job);
  EXPECT_EQ(worker.Finish(1).state(), "done");
  EXPECT_EQ(worker.Finish(2).state(), "done");
}

TEST(Round, WhatGoesWrongWithOneRoundStopsNoOther) {
  RoundWorld world(20, 0);
  world.Label("pool", 0, 5);
  world.Submit("");
  world.Submit("");
  world.Submit("");
  world.database.Sql("UPDATE round SET recipe = 'no recipe {' WHERE number = 1");
  // As another release may have stored it: its ranges were others, and it had a field more.
  world.database.Sql(
      "UPDATE round SET recipe = regexp_replace(recipe, 'budget: [0-9]+', 'budget: 2000000000') || ' later: "
      "1' "
      "WHERE number = 2");
  for (int time = 0; time < 3; ++time) EXPECT_FALSE(world.planner.RunOnce().ok());
  const v1::Round failed = world.Get(1);
  EXPECT_EQ(failed.state(), "failed");
  EXPECT_THAT(failed.error(),
              testing::AllOf(HasSubstr("a stored recipe can't be read"), HasSubstr("submit")));
  EXPECT_FALSE(failed.has_recipe());
  EXPECT_TRUE(world.planner.RunOnce().ok());
  EXPECT_EQ(world.Get(2).state(), "training");
  EXPECT_EQ(world.Get(2).recipe().ranking().budget(), 2000000000U);
  EXPECT_EQ(world.Get(3).state(), "waiting");
}

TEST(Round, SaysThatItWaitsForAWorker) {
  RoundWorld world(20, 0);
  world.Label("pool", 0, 5);
  world.Submit("");
  ASSERT_TRUE(world.planner.RunOnce().ok());
  EXPECT_TRUE(world.Get(1).waits_for_worker());
  EXPECT_EQ(world.Get(1).workers(), 0U);
  world.database.Sql(
      "UPDATE round SET created_at = now() - interval '1 hour', "
      "training_at = now() - interval '40 minutes'");
  ScriptedWorker worker(world, 1);
  const v1::Job job = *worker.Lease();
  EXPECT_FALSE(world.Get(1).waits_for_worker());
  EXPECT_EQ(world.Get(1).workers(), 1U);
  EXPECT_EQ(world.Get(1).steps(0).step(), "waiting");
  EXPECT_NEAR(world.Get(1).steps(0).seconds(), 3600, 60) << "waiting for a worker isn't training";
  EXPECT_EQ(world.Number("SELECT count(*) FROM worker WHERE now() - last_heard < interval '10 seconds'"), 1);
  world.database.Sql("UPDATE worker SET last_heard = now() - interval '2 minutes'");
  EXPECT_EQ(world.Get(1).workers(), 0U) << "it is gone";
  ASSERT_TRUE(worker.Renew(job).ok());
  EXPECT_EQ(world.Get(1).workers(), 1U) << "a heartbeat is a sign of life";
}

TEST(Round, AJobThatCantBeDescribedFailsItsRound) {
  RoundWorld world(20, 0);
  world.Label("pool", 0, 5);
  world.Submit("");
  world.Submit("");
  ASSERT_TRUE(world.planner.RunOnce().ok());
  world.database.Sql("UPDATE round SET recipe = 'no recipe {' WHERE number = 1");
  ScriptedWorker worker(world, 1);
  EXPECT_FALSE(worker.Lease().has_value());
  EXPECT_EQ(world.Get(1).state(), "failed");
  EXPECT_THAT(world.Get(1).error(), HasSubstr("a job can't begin: a stored recipe can't be read"));
  EXPECT_EQ(world.Number("SELECT count(*) FROM lease"), 0);
  ASSERT_TRUE(world.planner.RunOnce().ok());
  EXPECT_TRUE(worker.Lease().has_value()) << "of round 2";
}

TEST(Round, AnErrorThatMayPassFailsNoRound) {
  RoundWorld world(20, 0);
  world.Label("pool", 0, 5);
  world.Submit("");
  // The database has no room for the job.
  world.database.Sql(
      "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
      "$$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full'; END $$");
  world.database.Sql("CREATE TRIGGER no_room BEFORE INSERT ON job EXECUTE FUNCTION full_disk()");
  for (int time = 0; time < 5; ++time) EXPECT_FALSE(world.planner.RunOnce().ok());
  EXPECT_EQ(world.Get(1).state(), "waiting");
  world.database.Sql("DROP TRIGGER no_room ON job");
  EXPECT_TRUE(world.planner.RunOnce().ok());
  EXPECT_EQ(world.Get(1).state(), "training");
}

TEST(Round, NeedsLabelsInThePool) {
  RoundWorld world(10, 10);
  world.Label("holdout", 0, 10);
  v1::SubmitRoundRequest request;
  request.set_request_id(world.NewRequestId());
  v1::Round round;
  const grpc::Status status = world.rounds->SubmitRound(world.Context(world.engineer).get(), request, &round);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(status), "NO_LABELS");
}

TEST(Round, ARepeatedSubmitQueuesOneRound) {
  RoundWorld world(10, 0);
  world.Label("pool", 0, 5);
  v1::SubmitRoundRequest request;
  request.set_request_id("once");
  v1::Round first;
  v1::Round second;
  ASSERT_TRUE(world.rounds->SubmitRound(world.Context(world.engineer).get(), request, &first).ok());
  ASSERT_TRUE(world.rounds->SubmitRound(world.Context(world.engineer).get(), request, &second).ok());
  EXPECT_EQ(first.SerializeAsString(), second.SerializeAsString());
  EXPECT_EQ(world.Number("SELECT count(*) FROM round"), 1);
  request.set_recipe("seed: 2");
  EXPECT_EQ(ReasonOf(world.rounds->SubmitRound(world.Context(world.engineer).get(), request, &second)),
            "REQUEST_ID_REUSED");
  request.set_request_id("other");
  EXPECT_EQ(ReasonOf(world.rounds->SubmitRound(world.Context(world.annotator).get(), request, &second)),
            "WRONG_ROLE");
}

TEST(Round, ACancelledRoundStopsItsWorkerAndLetsTheNextOneRun) {
  RoundWorld world(10, 0);
  world.Label("pool", 0, 5);
  world.Submit(kRoundRecipe);
  world.Submit(kRoundRecipe);
  ASSERT_TRUE(world.planner.RunOnce().ok());
  ScriptedWorker worker(world, 0.9);
  const std::optional<v1::Job> job = worker.Lease();
  ASSERT_TRUE(job.has_value());
  ASSERT_TRUE(worker.Renew(*job).ok());

  v1::CancelRoundRequest request;
  request.set_request_id(world.NewRequestId());
  request.set_number(1);
  v1::Round round;
  ASSERT_TRUE(world.rounds->CancelRound(world.Context(world.engineer).get(), request, &round).ok());
  EXPECT_EQ(round.state(), "cancelled");
  EXPECT_EQ(ReasonOf(worker.Renew(*job)), "LEASE_ENDED");
  EXPECT_EQ(ReasonOf(worker.Complete(*job, MadeUpWeights("late"))), "LEASE_ENDED");
  EXPECT_EQ(world.Number("SELECT count(*) FROM model"), 0);

  request.set_request_id(world.NewRequestId());
  EXPECT_EQ(ReasonOf(world.rounds->CancelRound(world.Context(world.engineer).get(), request, &round)),
            "ROUND_ENDED");
  EXPECT_EQ(worker.Finish(2).state(), "done");
}

TEST(Round, AWatcherSeesEveryStateUntilTheEnd) {
  RoundWorld world(40, 25);
  world.Label("pool", 0, 10);
  world.Label("holdout", 0, 25);
  world.Submit(kRoundRecipe);
  std::vector<std::string> states;
  grpc::Status status;
  const auto context = world.Context(world.annotator, 60000);
  std::thread watcher([&] {
    v1::WatchRoundRequest request;
    const auto reader = world.rounds->WatchRound(context.get(), request);
    v1::Round round;
    while (reader->Read(&round)) {
      if (states.empty() || states.back() != round.state()) states.push_back(round.state());
    }
    status = reader->Finish();
  });
  ScriptedWorker(world, 0.9).Finish(1);
  watcher.join();
  EXPECT_TRUE(status.ok()) << status.error_message();
  ASSERT_FALSE(states.empty());
  EXPECT_EQ(states.back(), "done");
}

TEST(Round, ListsNewestFirstInPages) {
  RoundWorld world(10, 0);
  world.Label("pool", 0, 5);
  for (int i = 0; i < 5; ++i) world.Submit(kRoundRecipe);
  v1::ListRoundsRequest request;
  request.set_page_size(2);
  std::vector<uint32_t> numbers;
  do {
    v1::ListRoundsResponse response;
    ASSERT_TRUE(world.rounds->ListRounds(world.Context(world.annotator).get(), request, &response).ok());
    for (const v1::Round& round : response.rounds()) numbers.push_back(round.number());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(numbers, testing::ElementsAre(5, 4, 3, 2, 1));
  request.set_page_size(5);
  v1::ListRoundsResponse whole;
  ASSERT_TRUE(world.rounds->ListRounds(world.Context(world.annotator).get(), request, &whole).ok());
  EXPECT_EQ(whole.rounds_size(), 5);
  EXPECT_EQ(whole.next_page_token(), "") << "no page follows";
}

}  // namespace
}  // namespace loupe
