#include "server/rounds/round_time.h"

#include <gtest/gtest.h>

#include "tests/server/rounds/round_world.h"

namespace loupe {
namespace {

TEST(SecondsLeft, ByTheRateOfTheWorkers) {
  v1::TrainingRecipe training;
  training.set_batch_size(8);
  training.set_accumulation_steps(2);
  v1::JobProgress progress;
  progress.set_kind("train");
  progress.set_done(100);
  progress.set_total(400);
  EXPECT_FALSE(SecondsLeft(progress, training).has_value()) << "no rate is known";
  progress.set_images_per_second(40);
  EXPECT_DOUBLE_EQ(*SecondsLeft(progress, training), 300 * 16 / 40.0);
  progress.set_kind("predict");
  EXPECT_DOUBLE_EQ(*SecondsLeft(progress, training), 300 / 40.0);
  progress.set_done(500);
  EXPECT_DOUBLE_EQ(*SecondsLeft(progress, training), 0);
}

class PlanTest : public ::testing::Test {
 protected:
  absl::StatusOr<v1::RoundPlan> Plan(const std::string& recipe) {
    v1::PlanRoundRequest request;
    request.set_recipe(recipe);
    v1::RoundPlan plan;
    const grpc::Status status =
        world_.rounds->PlanRound(world_.Context(world_.engineer).get(), request, &plan);
    if (!status.ok()) return absl::FailedPreconditionError(ReasonOf(status));
    return plan;
  }

  // Does the round's jobs at these rates.
  void Run(const std::string& recipe, double training_rate, double prediction_rate) {
    const uint32_t round = world_.Submit(recipe).number();
    for (int pass = 0; pass < 100; ++pass) {
      ASSERT_TRUE(world_.planner.RunOnce().ok());
      if (world_.Get(round).has_ended_at()) return;
      if (world_.Number("SELECT count(*) FROM job WHERE state = 'waiting'") == 0) continue;
      const v1::Job job = *worker_.Lease();
      v1::JobProgress progress;
      progress.set_total(100);
      progress.set_images_per_second(job.kind() == v1::TRAIN ? training_rate : prediction_rate);
      worker_.Do(job, progress);
    }
    ADD_FAILURE() << "the round doesn't end";
  }

  RoundWorld world_{40, 10};
  ScriptedWorker worker_{world_, 1};
};

TEST_F(PlanTest, ByTheLatestRoundWithSuchADetector) {
  EXPECT_EQ(Plan("").status().message(), "NO_LABELS");
  world_.Label("pool", 0, 8);
  world_.Label("holdout", 0, 6);
  EXPECT_EQ(Plan("training { iterations: 0 }").status().message(), "BAD_RECIPE");
  EXPECT_EQ(Plan("detector { init_model: 'none' }").status().message(), "NO_SUCH_MODEL");
  absl::StatusOr<v1::RoundPlan> plan = Plan("");
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_EQ(plan->snapshot_images(), 8u);
  EXPECT_EQ(plan->snapshot_boxes(), 8u);
  EXPECT_EQ(plan->evaluated_images(), 6u);
  EXPECT_EQ(plan->predicted_images(), 40u);
  EXPECT_EQ(plan->recipe().training().iterations(), 400u) << "the default is written out";
  EXPECT_EQ(plan->recipe().ranking().strategy(), "entropy") << "the project's";
  EXPECT_FALSE(plan->has_training_seconds()) << "nothing is known";
  EXPECT_EQ(world_.Number("SELECT count(*) FROM round"), 0);

  Run("ranking { budget: 10 }", 16, 20);
  plan = Plan("training { iterations: 100 batch_size: 4 accumulation_steps: 2 }");
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_DOUBLE_EQ(plan->training_rate(), 16);
  EXPECT_DOUBLE_EQ(plan->training_seconds(), 100 * 4 * 2 / 16.0);
  EXPECT_DOUBLE_EQ(plan->evaluating_seconds(), 6 / 20.0);
  EXPECT_DOUBLE_EQ(plan->predicting_seconds(), 40 / 20.0);
  EXPECT_EQ(plan->workers(), 1u);
  EXPECT_FALSE(plan->has_checking_seconds());
  plan = Plan("training { iterations: 100 batch_size: 4 accumulation_steps: 2 } label_errors { folds: 3 }");
  ASSERT_TRUE(plan.ok()) << plan.status();
  EXPECT_DOUBLE_EQ(plan->checking_seconds(), 3 * plan->training_seconds());
  for (const char* other : {"detector { preset: 'resnet18-fpn' }", "detector { min_size: 64 max_size: 64 }",
                            "training { precision: 'bfloat16' }"}) {
    plan = Plan(other);
    ASSERT_TRUE(plan.ok()) << plan.status();
    EXPECT_FALSE(plan->has_training_seconds()) << other;
  }
  world_.database.Sql("UPDATE round SET state = 'waiting', ended_at = NULL");
  EXPECT_EQ(Plan("")->rounds_before(), 1u);
}

}  // namespace
}  // namespace loupe
