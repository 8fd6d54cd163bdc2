#include "server/labeling/correction.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <pqxx/except>

#include "absl/strings/str_cat.h"
#include "proto/error_info.h"
#include "tests/server/labeling/labeling_fixture.h"

namespace loupe {
namespace {

using testing::HasSubstr;

class CorrectionTest : public LabelingTest {
 protected:
  CorrectionTest() {
    Import(2);
    RankByModel({1, 2});
  }

  // It shows two boxes: one of class 1, one of class 2.
  v1::Task Assisted() {
    v1::Task task = NextOne(annotator_);
    EXPECT_FALSE(task.blind());
    EXPECT_EQ(task.predictions_size(), 2);
    return task;
  }

  v1::Revision LastRevision(const v1::Task& task) {
    const v1::ImageProvenance history = Provenance(task.image().id());
    return history.revisions(history.revisions_size() - 1);
  }
};

TEST_F(CorrectionTest, ACopiedBoxStaysACopiedOneWhateverIsChangedOfIt) {
  const v1::Task task = Assisted();
  v1::SubmitRequest correction = CorrectionOf(task);
  AddBox(correction, 12, 12, 18, 18).set_copied(true);
  AddBox(correction, 2, 2, 8, 8);
  const auto taken = Submit(annotator_, correction);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->copied(), 1U);
  EXPECT_EQ(taken->drawn(), 1U);
  EXPECT_EQ(LastRevision(task).boxes(0).origin(), v1::COPIED);
  EXPECT_EQ(LastRevision(task).boxes(1).origin(), v1::DRAWN);
  EXPECT_EQ(Status().boxes_copied(), 1U);
  EXPECT_EQ(Status().boxes_drawn(), 1U);

  const v1::Task opened = *Reopen(annotator_, task.image().id());
  EXPECT_EQ(opened.boxes(0).origin(), v1::COPIED);
  v1::SubmitRequest changed = Unchanged(opened);
  changed.mutable_boxes(0)->mutable_box()->set_x2(25);
  changed.mutable_boxes(0)->set_label(2);
  const auto again = Submit(annotator_, changed);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->copied(), 1U);
  EXPECT_EQ(again->adjusted() + again->relabelled(), 0U);
  EXPECT_EQ(LastRevision(task).boxes(0).origin(), v1::COPIED);
  EXPECT_EQ(Verify().breaks_total(), 0U);
}

TEST_F(CorrectionTest, ABoxIsCopiedOrMadeFromAnother) {
  const v1::Task task = Assisted();
  v1::SubmitRequest predicted = CorrectionOf(task);
  v1::CorrectedBox& of_both = AddBox(predicted, 1, 1, 11, 11);
  of_both.set_copied(true);
  of_both.set_predicted_index(0);
  EXPECT_EQ(ErrorReason(Submit(annotator_, predicted).status()), "BAD_BOX");
  EXPECT_EQ(Number("SELECT count(*) FROM label_revision"), 0) << "nothing was saved";
  predicted.set_request_id(NextRequestId());
  predicted.mutable_boxes(0)->set_copied(false);
  ASSERT_TRUE(Submit(annotator_, predicted).ok());
  v1::SubmitRequest kept = Unchanged(*Reopen(annotator_, task.image().id()));
  kept.mutable_boxes(0)->set_copied(true);
  EXPECT_EQ(ErrorReason(Submit(annotator_, kept).status()), "BAD_BOX");
  kept.set_request_id(NextRequestId());
  kept.mutable_boxes(0)->set_copied(false);
  EXPECT_TRUE(Submit(annotator_, kept).ok());
}

// Blind labels judge models: nothing but the picture may lead them.
TEST_F(CorrectionTest, NoBoxIsCopiedOnABlindTask) {
  coordinator_.database().Sql("UPDATE ranking_entry SET blind = true");
  const v1::Task task = NextOne(annotator_);
  ASSERT_TRUE(task.blind());
  v1::SubmitRequest copying = CorrectionOf(task);
  AddBox(copying, 2, 2, 8, 8);
  AddBox(copying, 12, 12, 18, 18).set_copied(true);
  const absl::Status refused = Submit(annotator_, copying).status();
  EXPECT_EQ(ErrorReason(refused), "BAD_BOX");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("box 1: "));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("blind"));
  v1::SubmitRequest drawing = CorrectionOf(task);
  AddBox(drawing, 2, 2, 8, 8);
  ASSERT_TRUE(Submit(annotator_, drawing).ok());
  const v1::Task opened = *Reopen(annotator_, task.image().id());
  ASSERT_TRUE(opened.blind());
  v1::SubmitRequest later = Unchanged(opened);
  AddBox(later, 12, 12, 18, 18).set_copied(true);
  EXPECT_EQ(ErrorReason(Submit(annotator_, later).status()), "BAD_BOX") << "opened again it is as blind";
}

TEST_F(CorrectionTest, BoxesThatWereAcceptedAtOnceHaveAnOutcomeOfTheirOwn) {
  const v1::Task task = Assisted();
  v1::SubmitRequest correction = CorrectionOf(task);
  AddBox(correction, 1, 1, 11, 11).set_predicted_index(0);
  AddBox(correction, 20, 5, 33, 15, 2).set_predicted_index(1);
  correction.add_accepted_at_once(1);
  correction.add_accepted_at_once(0);
  const auto taken = Submit(annotator_, correction);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->accepted(), 1U) << "it is among the accepted ones";
  EXPECT_EQ(taken->accepted_at_once(), 1U);
  EXPECT_EQ(taken->adjusted(), 1U) << "it was changed later";
  const v1::Revision revision = LastRevision(task);
  EXPECT_EQ(revision.boxes(0).origin(), v1::ACCEPTED);
  EXPECT_EQ(revision.boxes(1).origin(), v1::ADJUSTED);
  EXPECT_EQ(revision.shown_boxes(0).outcome(), v1::OUTCOME_ACCEPTED_AT_ONCE);
  EXPECT_EQ(revision.shown_boxes(1).outcome(), v1::OUTCOME_ADJUSTED);
  EXPECT_EQ(Status().boxes_accepted(), 1U);
  EXPECT_EQ(Number("SELECT count(*) FROM outcome WHERE outcome = 'accepted_at_once'"), 1);
  EXPECT_EQ(Verify().breaks_total(), 0U);

  v1::WithdrawRequest acceptances;
  acceptances.set_request_id(NextRequestId());
  acceptances.set_model("1");
  EXPECT_EQ(Rpc(*stub_, &Labeling::Withdraw, engineer_, acceptances)->images(), 1U)
      << "a model's acceptances are withdrawn, however they were accepted";
}

TEST_F(CorrectionTest, ABoxNamesEachThatWasAcceptedAtOnce) {
  const v1::Task task = Assisted();
  const auto refusal = [&](uint32_t index) {
    v1::SubmitRequest correction = CorrectionOf(task);
    AddBox(correction, 1, 1, 11, 11).set_predicted_index(0);
    correction.add_rejected(1);
    correction.add_accepted_at_once(0);
    correction.add_accepted_at_once(index);
    const absl::Status status = Submit(annotator_, correction).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  };
  EXPECT_THAT(refusal(1), HasSubstr("accepted_at_once names the predicted box 1,")) << "it was rejected";
  EXPECT_THAT(refusal(7), HasSubstr("accepted_at_once names the predicted box 7,")) << "it isn't there";
  EXPECT_EQ(Number("SELECT count(*) FROM label_revision"), 0) << "nothing was saved";
}

TEST_F(CorrectionTest, TheDatabaseKnowsTheOutcomes) {
  ASSERT_TRUE(Submit(annotator_, CorrectionOf(Assisted())).ok());
  const std::string insert = "INSERT INTO outcome VALUES ((SELECT max(id) FROM label_revision), 17, '";
  EXPECT_THROW(coordinator_.database().Sql(insert + "guessed')"), pqxx::check_violation);
  EXPECT_NO_THROW(coordinator_.database().Sql(insert + "accepted_at_once')"));
}

}  // namespace
}  // namespace loupe
