// Reviews of likely label errors: what their tasks show, and what becomes of the errors.
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "tests/server/labeling/labeling_fixture.h"

namespace loupe {
namespace {

class LabelErrorReviewTest : public LabelingTest {
 protected:
  // One labelled image with a box at (1, 1, 11, 11), in which something seems to be missing and the box
  // seems to be of another class.
  LabelErrorReviewTest() : other_(coordinator_.Token(v1::ANNOTATOR)) {
    Import(2);
    const v1::Task task = NextOne(annotator_);
    image_ = task.image().id();
    v1::SubmitRequest correction = CorrectionOf(task);
    AddBox(correction, 1, 1, 11, 11);
    EXPECT_TRUE(Submit(annotator_, correction).ok());
    Sql("INSERT INTO snapshot (project_id, class_count) VALUES (1, 1)");
    Sql("INSERT INTO round (project_id, number, state, recipe, snapshot_id, submitted_by) "
        "SELECT 1, 1, 'waiting', '', snapshot.id, (SELECT min(id) FROM principal) FROM snapshot");
    Sql("INSERT INTO job (round_id, kind, state, fold, ended_at) "
        "SELECT id, 'find_label_errors', 'done', 1, now() FROM round");
    Sql(absl::StrCat(
        "INSERT INTO label_error (round_id, image_id, revision_id, kind, corners, label, log_odds)"
        " SELECT round.id, image.id, truth_revision_id, 'missing', '{20,20,30,30}', 1, 2 "
        "FROM round, image WHERE image.id = ",
        image_));
    Sql(
        absl::StrCat("INSERT INTO label_error (round_id, image_id, revision_id, kind, box_id, log_odds) "
                     "SELECT round.id, image.id, truth_revision_id, 'invented', "
                     "(SELECT box_id FROM label_box WHERE revision_id = truth_revision_id), 3 "
                     "FROM round, image WHERE image.id = ",
                     image_));
    v1::RequestReviewsRequest request;
    request.set_request_id(NextRequestId());
    request.add_image_ids(image_);
    EXPECT_TRUE(Rpc(*stub_, &Labeling::RequestReviews, engineer_, request).ok());
  }

  void Sql(const std::string& text) { coordinator_.database().Sql(text); }

  std::string Mended() {
    return coordinator_.database()
        .Sql(
            "SELECT string_agg(kind || ' ' || coalesce(mended::text, 'open'), ', ' ORDER BY id) "
            "FROM label_error")
        .at(0)[0]
        .as<std::string>();
  }

  const std::string other_;
  int64_t image_ = 0;
};

TEST_F(LabelErrorReviewTest, TheTaskShowsThemAndTheTruthDecidesThem) {
  const v1::Task task = NextOne(other_);
  ASSERT_EQ(task.image().id(), image_);
  ASSERT_EQ(task.label_errors_size(), 2);
  EXPECT_EQ(task.label_errors(0).kind(), v1::LABEL_INVENTED);
  EXPECT_EQ(task.label_errors(0).box_id(), task.boxes(0).box_id());
  EXPECT_EQ(task.label_errors(1).kind(), v1::LABEL_MISSING);
  EXPECT_EQ(task.label_errors(1).box().x1(), 20);
  v1::SubmitRequest correction = Unchanged(task);
  AddBox(correction, 20, 20, 31, 30);
  ASSERT_TRUE(Submit(other_, correction).ok());
  EXPECT_EQ(Mended(), "missing true, invented false");
}

// Whoever corrects what a model doubts has seen what the model sees.
TEST_F(LabelErrorReviewTest, TheAnswerIsNoBlindOne) {
  Sql("ALTER TABLE label_revision DISABLE TRIGGER ALL; UPDATE label_revision SET blind = true");
  const v1::Task task = NextOne(other_);
  ASSERT_EQ(task.image().id(), image_);
  EXPECT_FALSE(task.blind());
  EXPECT_EQ(task.label_errors_size(), 2);
  ASSERT_TRUE(Submit(other_, Unchanged(task)).ok());
  EXPECT_EQ(Number("SELECT blind::int FROM label_revision ORDER BY id DESC LIMIT 1"), 0);
  // All of them are decided, so that a further look is as blind as the truth.
  Sql("UPDATE label_revision SET blind = true");
  const auto again = Reopen(engineer_, image_);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->blind());
  EXPECT_EQ(again->label_errors_size(), 0);
}

// A task that was served before the search stays blind, and shows nothing of what it found.
TEST_F(LabelErrorReviewTest, ATaskThatWasServedBlindStaysSo) {
  Sql("ALTER TABLE label_revision DISABLE TRIGGER ALL; UPDATE label_revision SET blind = true");
  Sql("CREATE TEMPORARY TABLE found AS SELECT * FROM label_error; DELETE FROM label_error");
  const v1::Task task = NextOne(other_);
  EXPECT_TRUE(task.blind());
  Sql("INSERT INTO label_error OVERRIDING SYSTEM VALUE SELECT * FROM found");
  const auto open = Rpc(*stub_, &Labeling::ListOpenTasks, other_, v1::ListOpenTasksRequest());
  ASSERT_TRUE(open.ok()) << open.status();
  ASSERT_EQ(open->tasks_size(), 1);
  EXPECT_EQ(open->tasks(0).label_errors_size(), 0);
  ASSERT_TRUE(Submit(other_, Unchanged(task)).ok());
  EXPECT_EQ(Mended(), "missing open, invented open") << "nobody saw them";
}

// Nor does a task that was open when the search ended.
TEST_F(LabelErrorReviewTest, WhatWasFoundAfterwardsIsNotDecided) {
  const v1::Task task = NextOne(other_);
  Sql("UPDATE label_error SET found_at = now() + interval '1 second'");
  ASSERT_TRUE(Submit(other_, Unchanged(task)).ok());
  EXPECT_EQ(Mended(), "missing open, invented open");
}

// An image that was said to be empty is opened with what seems to be missing.
TEST_F(LabelErrorReviewTest, AnEmptyTruthShowsThem) {
  const auto opened = Reopen(engineer_, image_);
  ASSERT_TRUE(opened.ok()) << opened.status();
  ASSERT_TRUE(Submit(engineer_, CorrectionOf(*opened)).ok());
  Sql(absl::StrCat(
      "INSERT INTO label_error (round_id, image_id, revision_id, kind, corners, label, log_odds) "
      "SELECT round.id, image.id, truth_revision_id, 'missing', '{20,20,30,30}', 1, 2 "
      "FROM round, image WHERE image.id = ",
      image_));
  const auto again = Reopen(engineer_, image_);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->boxes_size(), 0);
  EXPECT_EQ(again->label_errors_size(), 1);
}

// A withdrawn answer decided nothing.
TEST_F(LabelErrorReviewTest, AWithdrawalOpensThemAgain) {
  ASSERT_TRUE(Submit(other_, Unchanged(NextOne(other_))).ok());
  EXPECT_EQ(Mended(), "missing false, invented false");
  v1::WithdrawRequest request;
  request.set_request_id(NextRequestId());
  request.set_reviewer(coordinator_.database()
                           .Sql("SELECT name FROM principal WHERE id = "
                                "(SELECT author_id FROM label_revision ORDER BY id DESC LIMIT 1)")
                           .at(0)[0]
                           .as<std::string>());
  ASSERT_TRUE(Rpc(*stub_, &Labeling::Withdraw, engineer_, request).ok());
  EXPECT_EQ(Mended(), "missing open, invented open");
}

// Nobody could draw what a retired class is proposed for.
TEST_F(LabelErrorReviewTest, ARetiredClassIsNotProposed) {
  Sql("UPDATE class SET retired_at = now() WHERE label = 1");
  const v1::Task task = NextOne(other_);
  ASSERT_EQ(task.image().id(), image_);
  EXPECT_EQ(task.label_errors_size(), 0);
}

// The author's own next task is another image, and shows nothing of it.
TEST_F(LabelErrorReviewTest, SomebodyElseDecides) {
  const v1::Task task = NextOne(annotator_);
  EXPECT_NE(task.image().id(), image_);
  EXPECT_EQ(task.label_errors_size(), 0);
}

TEST_F(LabelErrorReviewTest, AnAnswerThatCameLateDecidesNothing) {
  const v1::Task task = NextOne(other_);
  Sql("DELETE FROM lease");  // it has ended
  v1::OpenTaskRequest open;
  open.set_request_id(NextRequestId());
  open.set_image_id(image_);
  const auto opened = Rpc(*stub_, &Labeling::OpenTask, engineer_, open);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->label_errors_size(), 2);
  ASSERT_TRUE(Submit(engineer_, CorrectionOf(*opened)).ok());  // the box is gone
  EXPECT_EQ(Mended(), "missing false, invented true");
  const auto late = Submit(other_, Unchanged(task));
  ASSERT_TRUE(late.ok()) << late.status();
  EXPECT_EQ(late->standing(), v1::STANDING_LATE);
  EXPECT_EQ(Mended(), "missing false, invented true");
}

}  // namespace
}  // namespace loupe
