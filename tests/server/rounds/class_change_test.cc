// Rounds of a project whose classes change: over a real PostgreSQL and a real port, with a worker that makes
// its predictions up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "tests/server/rounds/round_world.h"

namespace loupe {
namespace {

constexpr char kRecipe[] = "ranking { budget: 10 }";
constexpr char kFromServing[] = "ranking { budget: 10 } detector { init_model: \"1\" }";

class ClassChangeTest : public testing::Test {
 protected:
  ClassChangeTest() {
    world_.Label("pool", 0, 10);
    world_.Label("holdout", 0, 10);
  }

  void AddClass(const std::string& name) {
    world_.database.Sql(
        absl::StrCat("INSERT INTO class (project_id, label, name, created_at) "
                     "SELECT 1, max(label) + 1, '",
                     name, "', clock_timestamp() FROM class"));
  }

  // The next job, which must be there.
  v1::Job Lease() {
    EXPECT_TRUE(world_.planner.RunOnce().ok());
    const std::optional<v1::Job> job = worker_.Lease();
    EXPECT_TRUE(job.has_value());
    return job.value_or(v1::Job());
  }

  v1::ClassAp OfClass(const v1::Round& round, int label) { return round.evaluation().per_class(label - 1); }

  RoundWorld world_{40, 20};
  ScriptedWorker worker_{world_, 1};
};

// Boxes of the class behind a retired one were counted outside the memory for counts.
TEST_F(ClassChangeTest, TheCurveStandsWhenAClassIsRetired) {
  world_.Submit(kRecipe);
  ASSERT_EQ(worker_.Finish(1).state(), "done");
  v1::Curve before;
  ASSERT_TRUE(world_.insight->GetCurve(world_.Context(world_.engineer).get(), {}, &before).ok());
  world_.database.Sql("UPDATE class SET retired_at = now() WHERE label = 1");
  v1::Curve after;
  const grpc::Status status = world_.insight->GetCurve(world_.Context(world_.engineer).get(), {}, &after);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(after.points_size(), 1);
  EXPECT_EQ(after.points(0).judged_images(), before.points(0).judged_images());
  EXPECT_DOUBLE_EQ(after.points(0).ap50(), world_.Get(1).evaluation().per_class(1).ap50())
      << "of the class that is left";
}

TEST_F(ClassChangeTest, ARoundGoesOnWithTheClassesThatItWasSubmittedWith) {
  world_.Submit(kRecipe);
  AddClass("hole");
  const v1::Job train = Lease();
  EXPECT_EQ(train.kind(), v1::TRAIN);
  EXPECT_EQ(train.classes_size(), 2);
  worker_.Do(train);
  const v1::Job evaluate = Lease();
  EXPECT_EQ(evaluate.classes_size(), 2) << "what the model knows";
  worker_.Do(evaluate);
  const v1::Round round = worker_.Finish(1);
  EXPECT_EQ(round.state(), "done") << round.error();
  EXPECT_EQ(world_.Number("SELECT class_count FROM model"), 2);

  // The next one knows it. The serving model, which doesn't, is judged on the new images of the holdout too.
  world_.Label("holdout", 10, 20);
  world_.Submit(kFromServing);
  const v1::Job next = Lease();
  EXPECT_EQ(next.classes_size(), 3);
  EXPECT_TRUE(next.own_weights());
  worker_.Do(next);
  bool old_model = false;
  for (int i = 0; i < 2; ++i) {
    const v1::Job job = Lease();
    ASSERT_EQ(job.kind(), v1::EVALUATE);
    old_model = old_model || job.classes_size() == 2;
    worker_.Do(job);
  }
  EXPECT_TRUE(old_model);
  EXPECT_EQ(worker_.Finish(2).state(), "done");
  EXPECT_EQ(world_.Number("SELECT class_count FROM model WHERE number = 2"), 3);
}

TEST_F(ClassChangeTest, AModelIsJudgedByAClassOnlyWhereSomebodyLookedForIt) {
  AddClass("hole");
  world_.Label("holdout", 10, 20);
  world_.database.Sql(
      "SELECT append_revision(id, 'import', 1, NULL, true, false, 0, truth_revision_id, '', '', '{}', "
      "ARRAY[10, 10, 50, 40]::real[], ARRAY[3], ARRAY['imported'], ARRAY[false], ARRAY[-1], "
      "ARRAY[0]::bigint[], ARRAY[-1], '{}') FROM image WHERE file_name = 'holdout-10.png'");
  world_.Submit(kRecipe);
  worker_.Do(Lease());
  worker_.Do(Lease());
  // Wrong on a hole where it is known, and on one where nobody looked for it, which says nothing.
  world_.database.Sql(
      "UPDATE prediction SET labels = '{3}' FROM image "
      "WHERE image.id = image_id AND file_name IN ('holdout-10.png', 'holdout-2.png')");
  const v1::Round round = worker_.Finish(1);
  ASSERT_EQ(round.state(), "done") << round.error();
  EXPECT_NEAR(OfClass(round, 3).ap50(), 1, 1e-9) << "of its two boxes one is right, the other doesn't count";
}

TEST_F(ClassChangeTest, WhatTheServingModelSeesOfAnUnknownClassIsIgnoredInTraining) {
  world_.Submit(kRecipe);
  ASSERT_EQ(worker_.Finish(1).state(), "done");
  AddClass("hole");
  world_.Label("pool", 10, 20);
  world_.database.Sql(
      "UPDATE prediction SET labels = '{3}', scores = '{0.3}', corners = '{1,2,30,40}' FROM image "
      "WHERE image.id = image_id AND file_name IN ('pool-2.png', 'pool-12.png')");
  world_.database.Sql(
      "UPDATE prediction SET labels = '{3}', scores = '{0.05}' FROM image "
      "WHERE image.id = image_id AND file_name = 'pool-3.png'");
  world_.Submit(kRecipe);
  const v1::Job job = Lease();
  int regions = 0;
  for (const v1::SnapshotItem& item : worker_.ReadSnapshot(job)) {
    for (const v1::LabelBox& box : item.boxes()) {
      if (!box.ignore()) continue;
      ++regions;
      EXPECT_EQ(item.image().file_name(), "pool-2.png");
      EXPECT_EQ(box.box().x1(), 1);
      EXPECT_EQ(box.box().y2(), 40);
    }
  }
  EXPECT_EQ(regions, 1) << "not where the truth knows the class, nor what it is hardly sure of";
}

TEST_F(ClassChangeTest, ARetiredClassIsNeitherTrainedOnNorJudged) {
  world_.Submit(kRecipe);
  worker_.Do(Lease());
  worker_.Do(Lease());
  world_.database.Sql("UPDATE class SET retired_at = now() WHERE label = 2");
  const v1::Round round = worker_.Finish(1);
  ASSERT_EQ(round.state(), "done") << round.error();
  EXPECT_GT(OfClass(round, 1).ap50(), 0);
  EXPECT_LT(OfClass(round, 2).ap50(), 0) << "no figure";
  EXPECT_EQ(round.evaluation().ap50(), OfClass(round, 1).ap50());
  world_.Submit(kRecipe);
  for (const v1::SnapshotItem& item : worker_.ReadSnapshot(Lease())) {
    for (const v1::LabelBox& box : item.boxes()) EXPECT_EQ(box.label(), 1U);
  }
  EXPECT_EQ(world_.Number("SELECT count(DISTINCT label) FROM label_box"), 2);
}

TEST_F(ClassChangeTest, AModelIsJudgedAgainWhenLabelsOfTheHoldoutAreCorrected) {
  world_.Submit(kRecipe);
  const v1::Round round = worker_.Finish(1);
  ASSERT_EQ(round.state(), "done") << round.error();
  const auto get = [&] {
    v1::Model model;
    EXPECT_TRUE(world_.models->GetModel(world_.Context(world_.engineer).get(), {}, &model).ok());
    return model;
  };
  EXPECT_FALSE(get().has_evaluation_now());
  EXPECT_NEAR(get().evaluation().ap50(), 1, 1e-9);
  // A box of class 1 was one of class 2.
  world_.database.Sql(
      "SELECT append_revision(id, 'import', 1, NULL, true, false, 0, truth_revision_id, '', '', '{}', "
      "ARRAY[10, 10, 50, 40]::real[], ARRAY[2], ARRAY['imported'], ARRAY[false], ARRAY[-1], "
      "ARRAY[0]::bigint[], ARRAY[-1], '{}') FROM image WHERE file_name = 'holdout-2.png'");
  const v1::Model model = get();
  EXPECT_EQ(model.relabelled_images(), 1U);
  EXPECT_NEAR(model.evaluation().ap50(), 1, 1e-9) << "what its round found stays";
  ASSERT_TRUE(model.has_evaluation_now());
  EXPECT_EQ(model.evaluation_now().images(), 10U);
  EXPECT_LT(model.evaluation_now().ap50(), 0.99);
  EXPECT_EQ(model.evaluation_now().random_sample(), model.evaluation().random_sample());
  // Another one is withdrawn, and is not judged on then.
  world_.database.Sql(
      "INSERT INTO withdrawal (project_id, withdrawn_by) VALUES (1, 1); "
      "SELECT withdraw_labels(1, id, ARRAY[truth_revision_id], 1) FROM image "
      "WHERE file_name = 'holdout-3.png'");
  EXPECT_EQ(get().relabelled_images(), 2U);
  EXPECT_EQ(get().evaluation_now().images(), 9U);
  // It is labelled again.
  world_.database.Sql(
      "SELECT import_revision(id, 1, true, false, ARRAY[10, 10, 50, 40]::real[], ARRAY[1], ARRAY[false]) "
      "FROM image WHERE file_name = 'holdout-3.png'");
  EXPECT_EQ(get().relabelled_images(), 2U);
  EXPECT_EQ(get().evaluation_now().images(), 10U);
}

TEST_F(ClassChangeTest, AModelIsJudgedOnImagesThatWereLabelledAfterItsRound) {
  world_.database.Sql(
      "INSERT INTO withdrawal (project_id, withdrawn_by) VALUES (1, 1); "
      "SELECT withdraw_labels(1, id, ARRAY[truth_revision_id], 1) FROM image "
      "WHERE file_name = 'holdout-3.png'");
  world_.Submit(kRecipe);
  ASSERT_EQ(worker_.Finish(1).state(), "done");
  // Its round predicts the labelled images of the holdout alone; a later one predicted this image with it.
  world_.database.Sql(
      "INSERT INTO prediction SELECT (one).* FROM (SELECT jsonb_populate_record(prediction, "
      "jsonb_build_object('image_id', (SELECT id FROM image WHERE file_name = 'holdout-3.png'))) AS one "
      "FROM prediction JOIN image ON image.id = image_id WHERE file_name = 'holdout-2.png') copied");
  world_.database.Sql(
      "SELECT import_revision(id, 1, true, false, ARRAY[10, 10, 50, 40]::real[], ARRAY[1], ARRAY[false]) "
      "FROM image WHERE file_name = 'holdout-3.png'");
  v1::Model model;
  ASSERT_TRUE(world_.models->GetModel(world_.Context(world_.engineer).get(), {}, &model).ok());
  EXPECT_EQ(model.evaluation().images(), 9U);
  EXPECT_EQ(model.relabelled_images(), 1U);
  EXPECT_EQ(model.evaluation_now().images(), 10U);
}

TEST_F(ClassChangeTest, AJobKnowsTheLevelsOfDeepPictures) {
  world_.database.Sql("UPDATE project SET intensity_low = 64, intensity_high = 4095");
  world_.Submit(kRecipe);
  const v1::Job job = Lease();
  EXPECT_EQ(job.intensity_range().low(), 64U);
  EXPECT_EQ(job.intensity_range().high(), 4095U);
}

}  // namespace
}  // namespace loupe
