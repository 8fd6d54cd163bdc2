// Pseudo-labels in whole rounds: over a real PostgreSQL and a real port, with a worker that makes its
// predictions up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "tests/server/rounds/round_world.h"

namespace loupe {
namespace {

using ::testing::HasSubstr;

constexpr char kOff[] = "ranking { budget: 10 }";
constexpr char kOn[] = "ranking { budget: 10 } pseudo_labels { enabled: true }";

// 20 images of the pool and 60 of the holdout are labelled, and a model of this quality serves.
struct Served {
  explicit Served(int pool_images, double quality = 1) : world(pool_images, 60), worker(world, quality) {
    world.Label("pool", 0, 20);
    world.Label("holdout", 0, 60);
    world.Submit(kOff);
    EXPECT_EQ(worker.Finish(1).state(), "done");
  }

  RoundWorld world;
  ScriptedWorker worker;
};

// Moves on until the round's training waits for a worker.
v1::Job StartTraining(RoundWorld& world, ScriptedWorker& worker) {
  EXPECT_TRUE(world.planner.RunOnce().ok());
  const std::optional<v1::Job> job = worker.Lease();
  EXPECT_TRUE(job.has_value());
  return job.value_or(v1::Job());
}

struct Shown {
  std::vector<v1::SnapshotItem> truth;
  std::vector<v1::SnapshotItem> pseudo;
};

Shown ShownTo(ScriptedWorker& worker, const v1::Job& job) {
  Shown shown;
  for (const v1::SnapshotItem& item : worker.ReadSnapshot(job)) {
    (item.pseudo() ? shown.pseudo : shown.truth).push_back(item);
  }
  return shown;
}

TEST(PseudoLabels, AreTheSurestBoxesAndAtMostAsManyAsPeopleDrew) {
  Served served(200);
  auto& [world, worker] = served;
  EXPECT_FALSE(world.Get(1).has_pseudo_labels());

  world.Submit(kOn);
  const v1::Job job = StartTraining(world, worker);
  EXPECT_EQ(job.images(), 40u);
  const Shown shown = ShownTo(worker, job);
  ASSERT_EQ(shown.truth.size(), 20u);
  ASSERT_EQ(shown.pseudo.size(), 20u);
  std::set<int64_t> labelled;
  for (const v1::SnapshotItem& item : shown.truth) labelled.insert(item.image().id());
  for (const v1::SnapshotItem& item : shown.pseudo) {
    EXPECT_EQ(labelled.count(item.image().id()), 0u);
    EXPECT_EQ(world.Text(absl::StrCat("SELECT side FROM image WHERE id = ", item.image().id())), "pool");
    // 10 of each class from 180 images whose scores go by the last digit of their place: class 1 gets 8,
    // class 2 gets 9.
    const auto place = static_cast<int>(item.image().sampling_key() * 1e6 + 0.5);
    EXPECT_GE(place % 10, 8) << place;
    ASSERT_EQ(item.boxes_size(), 1);
    EXPECT_EQ(item.boxes(0).label(), 1 + static_cast<uint32_t>(place) % 2);
    EXPECT_FALSE(item.boxes(0).ignore());
    EXPECT_EQ(item.boxes(0).box().x2(), 50);
  }
  const v1::PseudoLabels about = world.Get(2).pseudo_labels();
  EXPECT_EQ(about.model(), 1u);
  EXPECT_EQ(about.images(), 20u);
  EXPECT_EQ(about.boxes(), 20u);
  ASSERT_EQ(about.classes_size(), 2);
  EXPECT_EQ(about.classes(0).boxes(), 10u);
  // All 30 boxes of a class are right on the holdout, down to the lowest score there is.
  EXPECT_NEAR(about.classes(0).min_score(), 0.5, 1e-6);
  EXPECT_NEAR(about.classes(1).min_score(), 0.545, 1e-6);
  EXPECT_EQ(about.classes(1).judged(), 30u);
  EXPECT_EQ(about.classes(1).correct(), 30u);
}

TEST(PseudoLabels, AreOfOneRoundAndNeverTruth) {
  Served served(100);
  auto& [world, worker] = served;
  world.Submit(kOn);
  const v1::Job second = StartTraining(world, worker);
  const int64_t pseudo_labelled = ShownTo(worker, second).pseudo.at(0).image().id();
  worker.Do(second);
  EXPECT_EQ(worker.Finish(2).state(), "done");
  EXPECT_EQ(world.Number("SELECT count(*) FROM label_revision"), 80);
  EXPECT_EQ(world.Number("SELECT count(*) FROM image WHERE side = 'pool' AND truth_revision_id IS NOT NULL"),
            20);
  EXPECT_EQ(world.Number("SELECT images FROM snapshot ORDER BY id DESC LIMIT 1"), 20);

  // Labelled by a person now: truth, and no pseudo-label. The others are the new model's.
  const auto place = static_cast<int>(
      world.Number(absl::StrCat("SELECT (sampling_key * 1e6)::int FROM image WHERE id = ", pseudo_labelled)));
  world.Label("pool", place, place + 1);
  world.Submit(kOn);
  const Shown third = ShownTo(worker, StartTraining(world, worker));
  EXPECT_EQ(third.truth.size(), 21u);
  for (const v1::SnapshotItem& item : third.pseudo) EXPECT_NE(item.image().id(), pseudo_labelled);
  EXPECT_EQ(world.Get(3).pseudo_labels().model(), 2u);
  EXPECT_EQ(world.Get(2).pseudo_labels().model(), 1u);
}

TEST(PseudoLabels, WhatIsLabelledBeforeTheRoundStartsIsLeftOut) {
  Served served(60);
  auto& [world, worker] = served;
  world.Submit(kOn);
  world.Label("pool", 20, 50);
  const Shown shown = ShownTo(worker, StartTraining(world, worker));
  EXPECT_EQ(shown.truth.size(), 20u);  // frozen when it was submitted
  EXPECT_EQ(shown.pseudo.size(), 10u);
  for (const v1::SnapshotItem& item : shown.pseudo) {
    EXPECT_EQ(world.Number(absl::StrCat("SELECT (truth_revision_id IS NULL)::int FROM image WHERE id = ",
                                        item.image().id())),
              1);
  }
}

// To each prediction of the pool a second box, elsewhere, of class 2.
void AddBox(RoundWorld& world, double score) {
  world.database.Sql(absl::StrCat(
      "UPDATE prediction SET corners = corners || '{60, 10, 90, 70}', labels = labels || 2::smallint, "
      "scores = scores || ",
      score,
      "::real, runner_up_labels = runner_up_labels || 1::smallint, runner_up_scores = runner_up_scores || "
      "0::real, "
      "background_scores = background_scores || 0::real, agreements = agreements || 1::real "
      "FROM image WHERE image.id = image_id AND side = 'pool'"));
}

TEST(PseudoLabels, WhatIsNotSureIsARegionToIgnore) {
  Served served(60);
  auto& [world, worker] = served;
  AddBox(world, 0.3);
  AddBox(world, 0.05);
  world.Submit(kOn);
  const Shown shown = ShownTo(worker, StartTraining(world, worker));
  ASSERT_EQ(shown.pseudo.size(), 20u);
  for (const v1::SnapshotItem& item : shown.pseudo) {
    ASSERT_EQ(item.boxes_size(), 2) << "what scores below 0.1 is background";
    EXPECT_FALSE(item.boxes(0).ignore());
    EXPECT_TRUE(item.boxes(1).ignore());
    EXPECT_EQ(item.boxes(1).box().x1(), 60);
  }
  EXPECT_EQ(world.Get(2).pseudo_labels().boxes(), 20u);
}

TEST(PseudoLabels, AModelThatIsOftenWrongGivesNone) {
  Served served(60, 0.8);
  auto& [world, worker] = served;
  world.Submit(kOn);
  const v1::Job job = StartTraining(world, worker);
  EXPECT_EQ(job.images(), 20u);
  EXPECT_TRUE(ShownTo(worker, job).pseudo.empty());
  const v1::PseudoLabels about = world.Get(2).pseudo_labels();
  EXPECT_EQ(about.images(), 0u);
  ASSERT_EQ(about.classes_size(), 2);
  EXPECT_FALSE(about.classes(0).has_min_score());
}

TEST(PseudoLabels, WithoutAServingModelPeoplesLabelsAreAll) {
  RoundWorld world(60, 60);
  world.Label("pool", 0, 20);
  world.Submit(kOn);
  ScriptedWorker worker(world, 1);
  const v1::Job job = StartTraining(world, worker);
  EXPECT_EQ(job.images(), 20u);
  ASSERT_TRUE(world.Get(1).has_pseudo_labels());
  EXPECT_EQ(world.Get(1).pseudo_labels().model(), 0u);
  worker.Do(job);
  EXPECT_EQ(worker.Finish(1).state(), "done");
}

TEST(PseudoLabels, ACancelledRoundGetsNone) {
  Served served(60);
  auto& [world, worker] = served;
  world.Submit(kOn);
  v1::CancelRoundRequest request;
  request.set_request_id(world.NewRequestId());
  request.set_number(2);
  v1::Round round;
  ASSERT_TRUE(world.rounds->CancelRound(world.Context(world.engineer).get(), request, &round).ok());
  EXPECT_TRUE(world.planner.RunOnce().ok());
  EXPECT_EQ(world.Get(2).state(), "cancelled");
  EXPECT_EQ(world.Number("SELECT count(*) FROM pseudo_label"), 0);
}

TEST(PseudoLabels, TheDatabaseRefusesAHoldoutImage) {
  RoundWorld world(20, 60);
  world.Label("pool", 0, 10);
  world.Submit(kOff);
  for (const char* side : {"holdout", "pool"}) {
    try {
      world.database.Sql(
          absl::StrCat("INSERT INTO pseudo_label (snapshot_id, image_id, image_side, corners, labels) ",
                       "VALUES (1, ", world.ImageAt("holdout", 3), ", '", side, "', '{}', '{}')"));
      FAIL() << "as " << side;
    } catch (const std::exception& error) {
      EXPECT_THAT(error.what(), HasSubstr("pseudo_label"));
    }
  }
}

TEST(PseudoLabels, APrecisionOutOfRangeIsRefused) {
  RoundWorld world(20, 10);
  world.Label("pool", 0, 10);
  for (const char* precision : {"1", "0.49", "nan"}) {
    v1::SubmitRoundRequest request;
    request.set_request_id(world.NewRequestId());
    request.set_recipe(absl::StrCat("pseudo_labels { enabled: true min_precision: ", precision, " }"));
    v1::Round round;
    const grpc::Status status =
        world.rounds->SubmitRound(world.Context(world.engineer).get(), request, &round);
    EXPECT_EQ(ReasonOf(status), "BAD_RECIPE");
    EXPECT_THAT(status.error_message(), HasSubstr("pseudo_labels.min_precision"));
  }
  EXPECT_EQ(world.Number("SELECT count(*) FROM round"), 0);
}

}  // namespace
}  // namespace loupe
