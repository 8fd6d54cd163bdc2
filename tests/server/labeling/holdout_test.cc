// A holdout image is never trained on and never served assisted: every way in that there is.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <pqxx/except>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "loupe/v1/round.grpc.pb.h"
#include "proto/error_info.h"
#include "tests/server/labeling/labeling_fixture.h"
#include "tests/server/rounds/round_world.h"

namespace loupe {
namespace {

using ::testing::HasSubstr;

class HoldoutTest : public LabelingTest {
 protected:
  HoldoutTest() : LabelingTest(1, 0.5) {}

  int64_t FirstOf(const std::string& side) {
    return Number(absl::StrCat("SELECT min(id) FROM image WHERE side = '", side, "'"));
  }

  // The message with which the database refuses a statement; empty: it doesn't.
  std::string Refusal(const std::string& sql) {
    try {
      coordinator_.database().Sql(sql);
    } catch (const pqxx::sql_error& error) {
      return error.what();
    }
    return "";
  }

  // Images of a generation 1 that has run out, whose model has predictions of the holdout too.
  void RankOneImage() { RankByModel({FirstOf("pool")}); }

  // The first of 50 tasks that `wanted` is true for; there must be one.
  template <typename Wanted>
  v1::Task FirstTask(const std::string& token, const Wanted& wanted) {
    const auto tasks = Next(token, 50);
    EXPECT_TRUE(tasks.ok()) << tasks.status();
    if (!tasks.ok()) return v1::Task();
    const auto found = std::find_if(tasks->begin(), tasks->end(), wanted);
    EXPECT_NE(found, tasks->end());
    return found == tasks->end() ? v1::Task() : *found;
  }

  v1::Task NextOfHoldout(const std::string& token) {
    return FirstTask(token, [this](const v1::Task& task) { return IsOfHoldout(task); });
  }

  // Given to somebody new.
  v1::Task Refetched(int64_t image) {
    return FirstTask(coordinator_.Token(v1::ANNOTATOR),
                     [&](const v1::Task& task) { return task.image().id() == image; });
  }

  // By the database: annotators aren't told.
  bool IsOfHoldout(const v1::Task& task) {
    return Number(absl::StrCat("SELECT count(*) FROM image WHERE side = 'holdout' AND id = ",
                               task.image().id())) == 1;
  }

  void ExpectBlind(const v1::Task& task) {
    EXPECT_TRUE(IsOfHoldout(task));
    EXPECT_TRUE(task.blind());
    EXPECT_EQ(task.predictions_size(), 0);
  }
};

TEST_F(HoldoutTest, ItIsServedBlindThoughTheServingModelHasPredictionsOfIt) {
  Import(30);
  RankOneImage();
  const v1::Task task = NextOfHoldout(annotator_);
  ExpectBlind(task);
  ASSERT_GT(Number(absl::StrCat("SELECT count(*) FROM prediction WHERE image_id = ", task.image().id())), 0);
  v1::SubmitRequest accepting = CorrectionOf(task);
  AddBox(accepting, 1, 1, 11, 11).set_predicted_index(0);
  EXPECT_EQ(ErrorReason(Submit(annotator_, accepting).status()), "BAD_BOX") << "nothing was shown";
  v1::SubmitRequest drawing = CorrectionOf(task);
  AddBox(drawing, 1, 1, 11, 11);
  ASSERT_TRUE(Submit(annotator_, drawing).ok());
  const v1::Revision revision = Provenance(task.image().id()).revisions(0);
  EXPECT_TRUE(revision.blind());
  EXPECT_EQ(revision.boxes(0).origin(), v1::DRAWN);
  EXPECT_EQ(revision.shown_boxes_size(), 0);
}

TEST_F(HoldoutTest, ItIsBlindAgainAfterSkipReleaseAndALeaseThatEnded) {
  Import(30);
  RankOneImage();
  const v1::Task skipped = NextOfHoldout(annotator_);
  ASSERT_TRUE(Rpc(*stub_, &Labeling::Skip, annotator_, SkipOf(skipped)).ok());
  LetLeasesEnd();
  const v1::Task expired = Refetched(skipped.image().id());
  ExpectBlind(expired);
  LetLeasesEnd();
  const std::string third = coordinator_.Token(v1::ANNOTATOR);
  const auto tasks = Next(third, 50);
  ASSERT_TRUE(tasks.ok()) << tasks.status();
  ASSERT_TRUE(Rpc(*stub_, &Labeling::Release, third, ReleaseOf(*tasks)).ok());
  ExpectBlind(Refetched(skipped.image().id()));
}

TEST_F(HoldoutTest, ItsLabelsStayOutOfASnapshotHoweverTheyCame) {
  v1::ImportStart start;
  start.set_request_id(NextRequestId());
  std::vector<TestPicture> pictures = PlainPictures(40);
  for (TestPicture& picture : pictures) picture.labels.emplace();
  ASSERT_TRUE(ImportPictures(coordinator_.channel(), engineer_, start, pictures).ok());
  start.set_request_id(NextRequestId());
  start.set_blind(true);
  std::vector<TestPicture> blind = PlainPictures(40, 100);
  for (TestPicture& picture : blind) picture.labels.emplace();
  ASSERT_TRUE(ImportPictures(coordinator_.channel(), engineer_, start, blind).ok());
  Import(20, 200);
  const auto tasks = Next(engineer_, 20);
  ASSERT_TRUE(tasks.ok());
  for (const v1::Task& task : *tasks) ASSERT_TRUE(Submit(engineer_, CorrectionOf(task)).ok());
  for (const char* source : {"task", "import"}) {
    for (const char* drawn : {"blind", "NOT blind"}) {
      if (std::string(source) == "task" && std::string(drawn) != "blind") continue;
      EXPECT_GT(Number(absl::StrCat("SELECT count(*) FROM image JOIN label_revision ON truth_revision_id = "
                                    "label_revision.id WHERE side = 'holdout' AND source = '",
                                    source, "' AND ", drawn)),
                0)
          << source << " " << drawn;
    }
  }
  v1::SubmitRoundRequest submit;
  submit.set_request_id(NextRequestId());
  const auto rounds = v1::RoundService::NewStub(coordinator_.channel());
  const auto round = Rpc(*rounds, &v1::RoundService::Stub::SubmitRound, engineer_, submit);
  ASSERT_TRUE(round.ok()) << round.status();
  EXPECT_EQ(round->snapshot_images(), Status().pool_labelled());
  EXPECT_EQ(Number("SELECT count(*) FROM snapshot_item JOIN image ON image.id = image_id WHERE side = "
                   "'holdout'"),
            0);
  EXPECT_EQ(
      Number("SELECT count(*) FROM snapshot_item JOIN image ON image.id = image_id WHERE side = 'pool'"),
      static_cast<int64_t>(Status().pool_labelled()));
}

TEST_F(HoldoutTest, AnotherImportOfItsBytesDoesNotMoveIt) {
  Import(30);
  const int64_t image = FirstOf("holdout");
  const std::string name = coordinator_.database()
                               .Sql(absl::StrCat("SELECT file_name FROM image WHERE id = ", image))
                               .at(0)[0]
                               .as<std::string>();
  std::vector<TestPicture> same = PlainPictures(30);
  std::erase_if(same, [&](const TestPicture& picture) { return picture.file_name != name; });
  ASSERT_EQ(same.size(), 1U);
  for (int group = 0; group < 20; ++group) {  // half of the groups belong to the pool
    same[0].group = absl::StrCat("group-", group);
    v1::ImportStart start;
    start.set_request_id(NextRequestId());
    const auto imported = ImportPictures(coordinator_.channel(), engineer_, start, same);
    ASSERT_TRUE(imported.ok()) << imported.status();
    EXPECT_EQ(imported->known(), 1U);
  }
  EXPECT_EQ(Number(absl::StrCat("SELECT count(*) FROM image WHERE side = 'holdout' AND id = ", image)), 1);
  EXPECT_EQ(Number(absl::StrCat("SELECT count(*) FROM image WHERE file_name = '", name, "'")), 1);
}

TEST_F(HoldoutTest, TheDatabaseRefusesToRankOrServeItOtherwise) {
  Import(30);
  RankOneImage();
  const v1::Task task = NextOfHoldout(annotator_);
  const std::string image = absl::StrCat(task.image().id());
  const std::string pool = absl::StrCat(FirstOf("pool"));
  const auto entry = [&](const char* side, const char* slice, const char* blind) {
    return Refusal(absl::StrCat("INSERT INTO ranking_entry SELECT 1, 1000, ", image, ", '", side, "', '",
                                slice, "', NULL, 1, ", blind));
  };
  coordinator_.database().Sql("DELETE FROM ranking_entry WHERE ranking_id = 1");
  EXPECT_THAT(entry("holdout", "uncertain", "true"), HasSubstr("ranking_entry_holdout"));
  EXPECT_THAT(entry("holdout", "random", "true"), HasSubstr("ranking_entry_holdout"));
  EXPECT_THAT(entry("holdout", "holdout", "false"), HasSubstr("ranking_entry_holdout_blind"));
  EXPECT_THAT(entry("pool", "random", "false"), HasSubstr("foreign key"));
  const std::string of_image = absl::StrCat(" WHERE image_id = ", image);
  EXPECT_THAT(Refusal("UPDATE ranking_entry SET blind = false" + of_image),
              HasSubstr("ranking_entry_holdout_blind"));
  EXPECT_THAT(Refusal("UPDATE ranking_entry SET image_side = 'pool', slice = 'rare'" + of_image),
              HasSubstr("foreign key"));
  EXPECT_THAT(Refusal("UPDATE task SET blind = false" + of_image), HasSubstr("task_holdout_blind"));
  EXPECT_THAT(Refusal("UPDATE task SET shown_model_id = 1" + of_image), HasSubstr("task_blind"));
  EXPECT_THAT(Refusal("UPDATE task SET blind = false, image_side = 'pool', shown_model_id = 1" + of_image),
              HasSubstr("foreign key"));
  EXPECT_THAT(Refusal(absl::StrCat("UPDATE image SET side = 'pool' WHERE id = ", image)), HasSubstr("fixed"));
  EXPECT_THAT(Refusal(absl::StrCat("UPDATE image SET side = 'holdout' WHERE id = ", pool)),
              HasSubstr("fixed"));
}

TEST_F(HoldoutTest, TheDatabaseRefusesItInASnapshot) {
  Import(30);
  const auto tasks = Next(engineer_, 20);
  ASSERT_TRUE(tasks.ok());
  for (const v1::Task& task : *tasks) ASSERT_TRUE(Submit(engineer_, CorrectionOf(task)).ok());
  v1::SubmitRoundRequest submit;
  submit.set_request_id(NextRequestId());
  const auto rounds = v1::RoundService::NewStub(coordinator_.channel());
  ASSERT_TRUE(Rpc(*rounds, &v1::RoundService::Stub::SubmitRound, engineer_, submit).ok());
  const std::string image = absl::StrCat(
      Number("SELECT min(id) FROM image WHERE side = 'holdout' AND truth_revision_id IS NOT NULL"));
  const auto item = [&](const char* side) {
    return Refusal(absl::StrCat("INSERT INTO snapshot_item SELECT snapshot.id, image.id, '", side,
                                "', truth_revision_id FROM snapshot, image WHERE image.id = ", image));
  };
  EXPECT_THAT(item("holdout"), HasSubstr("snapshot_item_never_holdout"));
  EXPECT_THAT(item("pool"), HasSubstr("foreign key"));
  EXPECT_THAT(Refusal(absl::StrCat("UPDATE snapshot_item SET image_id = ", image)), HasSubstr("append-only"));
}

// Its ids lie between those of the pool, so that a shard's range holds them.
TEST(HoldoutInRounds, ItIsNotPredictedWithThePoolAndRankedBlindAlone) {
  RoundWorld world(30, 10);
  world.database.Sql(
      "INSERT INTO image (project_id, sha256, file_name, width, height, size_bytes, media_type, "
      "sampling_key, "
      "side) SELECT 1, sha256(('new' || i)::bytea), 'pool-' || i || '.png', 100, 80, 1000, 'image/png', i / "
      "1e6, 'pool' FROM generate_series(30, 59) i");
  world.Label("pool", 0, 10);
  world.Label("holdout", 0, 2);
  world.Submit("ranking { budget: 50 } prediction { shard_size: 500 }");
  ScriptedWorker worker(world, 0.9);
  bool predicted = false;
  for (int pass = 0; pass < 100 && !predicted; ++pass) {
    ASSERT_TRUE(world.planner.RunOnce().ok());
    const std::optional<v1::Job> job = worker.Lease();
    if (!job.has_value()) continue;
    if (job->kind() == v1::PREDICT) {
      const std::vector<v1::Image> images = worker.ReadImages(*job);
      EXPECT_EQ(images.size(), 60U);
      for (const v1::Image& image : images) EXPECT_EQ(image.side(), v1::POOL);
      v1::Image holdout;
      holdout.set_id(world.ImageAt("holdout", 5));
      v1::UploadPredictionsResponse response;
      EXPECT_EQ(ReasonOf(worker.Upload(*job, {worker.Predict(holdout)}, &response)), "BAD_PREDICTION");
      predicted = true;
    }
    worker.Do(*job);
  }
  ASSERT_TRUE(predicted);
  ASSERT_EQ(worker.Finish(1).state(), "done");
  EXPECT_EQ(world.Number("SELECT count(*) FROM ranking_entry WHERE image_side = 'holdout'"), 8);
  EXPECT_EQ(world.Number("SELECT count(*) FROM ranking_entry JOIN image ON image.id = image_id WHERE side = "
                         "'holdout' AND (NOT blind OR slice <> 'holdout' OR score IS NOT NULL)"),
            0);
}

}  // namespace
}  // namespace loupe
