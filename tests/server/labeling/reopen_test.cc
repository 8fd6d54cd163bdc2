// Answers that are opened again, and skipped images that are taken up again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "loupe/v1/project.grpc.pb.h"
#include "proto/error_info.h"
#include "tests/server/labeling/labeling_fixture.h"

namespace loupe {
namespace {

using testing::HasSubstr;

class ReopenTest : public AnsweredTest {
 protected:
  v1::Revision LastRevision(int64_t image) {
    const v1::ImageProvenance history = Provenance(image);
    return history.revisions(history.revisions_size() - 1);
  }

  const std::string other_ = coordinator_.Token(v1::ANNOTATOR);
};

TEST_F(ReopenTest, ALabelIsCorrectedAsAFurtherRevisionAndItsBoxKeepsItsIdentity) {
  const v1::Task task = *Reopen(annotator_, 1);
  ASSERT_EQ(task.boxes_size(), 1);
  EXPECT_EQ(task.predictions_size(), 0);
  EXPECT_FALSE(task.blind());
  v1::SubmitRequest correction = Unchanged(task);
  correction.mutable_boxes(0)->mutable_box()->set_x1(10);
  correction.set_note("the edge was cut off");
  correction.add_flags("unclear");
  correction.set_client("a test");
  AddBox(correction, 1, 1, 5, 5, 2);
  const auto taken = Submit(annotator_, correction);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->revision(), 2U);
  EXPECT_EQ(taken->standing(), v1::STANDING_TRUTH);
  const v1::Revision revision = LastRevision(1);
  EXPECT_EQ(revision.source(), "reopen");
  EXPECT_EQ(revision.based_on(), 1U);
  EXPECT_EQ(revision.note(), "the edge was cut off");
  EXPECT_EQ(revision.flags(0), "unclear");
  EXPECT_EQ(revision.client(), "a test");
  EXPECT_EQ(revision.boxes(0).box_id(), task.boxes(0).box_id());
  EXPECT_NE(revision.boxes(1).box_id(), task.boxes(0).box_id());
  EXPECT_EQ(revision.boxes(0).origin(), v1::DRAWN) << "a drawn box that was moved is a drawn box";
  EXPECT_EQ(Status().class_counts(1).boxes(), 1U);
  EXPECT_EQ(Number("SELECT count(*) FROM lease"), 0);
  EXPECT_EQ(Number("SELECT count(*) FROM task_request WHERE state = 'answered'"), 1);
  EXPECT_EQ(Verify().breaks_total(), 0U);
}

TEST_F(ReopenTest, OriginsFollowWhatAPersonDid) {
  v1::SubmitRequest same = Unchanged(*Reopen(annotator_, 2));
  ASSERT_TRUE(Submit(annotator_, same).ok());
  EXPECT_EQ(LastRevision(2).boxes(0).origin(), v1::ACCEPTED);
  v1::SubmitRequest moved = Unchanged(*Reopen(annotator_, 2));
  moved.mutable_boxes(0)->mutable_box()->set_x2(15);
  ASSERT_TRUE(Submit(annotator_, moved).ok());
  EXPECT_EQ(LastRevision(2).boxes(0).origin(), v1::ADJUSTED);
  v1::SubmitRequest renamed = Unchanged(*Reopen(engineer_, 2));
  renamed.mutable_boxes(0)->set_label(2);
  ASSERT_TRUE(Submit(engineer_, renamed).ok());
  EXPECT_EQ(LastRevision(2).boxes(0).origin(), v1::RELABELLED);
  EXPECT_EQ(LastRevision(2).number(), 4U);
  EXPECT_EQ(Verify().breaks_total(), 0U);
}

TEST_F(ReopenTest, AnnotatorsOpenTheirOwnAnswersAndEngineersAny) {
  EXPECT_EQ(ErrorReason(Reopen(other_, 1).status()), "FOREIGN_ANSWER");
  EXPECT_EQ(Reopen(annotator_, 4).status(), Reopen(annotator_, 99).status())
      << "an annotator doesn't learn which images are there, or labelled";
  EXPECT_EQ(ErrorReason(Reopen(annotator_, 4).status()), "FOREIGN_ANSWER");
  EXPECT_EQ(ErrorReason(Reopen(engineer_, 4).status()), "NOT_LABELLED");
  EXPECT_EQ(ErrorReason(Reopen(engineer_, 99).status()), "NO_SUCH_IMAGE");
  const auto opened = Reopen(engineer_, 1);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(ErrorReason(Reopen(annotator_, 1).status()), "IMAGE_LEASED") << "one at a time";
  ASSERT_TRUE(Rpc(*stub_, &Labeling::Release, engineer_, ReleaseOf({*opened})).ok());
  EXPECT_EQ(Number("SELECT count(*) FROM task_request WHERE state = 'cancelled'"), 1);
  ASSERT_TRUE(Submit(engineer_, Unchanged(*Reopen(engineer_, 1))).ok());
  EXPECT_EQ(ErrorReason(Reopen(annotator_, 1).status()), "FOREIGN_ANSWER")
      << "the truth is the engineer's now";
}

TEST_F(ReopenTest, ABoxIdMustBeOneOfTheTasks) {
  const v1::Task task = *Reopen(annotator_, 1);
  v1::SubmitRequest twice = Unchanged(task);
  v1::CorrectedBox& again = AddBox(twice, 20, 20, 25, 25);
  again.set_box_id(task.boxes(0).box_id());
  EXPECT_EQ(ErrorReason(Submit(annotator_, twice).status()), "BAD_BOX");
  v1::SubmitRequest foreign = CorrectionOf(task);
  AddBox(foreign, 20, 20, 25, 25).set_box_id(Provenance(2).revisions(0).boxes(0).box_id());
  EXPECT_EQ(ErrorReason(Submit(annotator_, foreign).status()), "BAD_BOX");
}

TEST_F(ReopenTest, ALateCorrectionNeverReplacesANewerTruth) {
  const v1::Task slow = *Reopen(annotator_, 1);
  LetLeasesEnd();
  const v1::Task quick = *Reopen(engineer_, 1);
  ASSERT_TRUE(Submit(engineer_, Unchanged(quick)).ok());
  const auto late = Submit(annotator_, CorrectionOf(slow));
  ASSERT_TRUE(late.ok()) << late.status();
  EXPECT_EQ(late->standing(), v1::STANDING_LATE);
  EXPECT_EQ(LastRevision(1).standing(), v1::STANDING_LATE);
  EXPECT_EQ(Number("SELECT number FROM label_revision JOIN image ON truth_revision_id = label_revision.id "
                   "WHERE image.id = 1"),
            2);
  const v1::Task next = *Reopen(engineer_, 1);
  EXPECT_EQ(next.boxes_size(), 1) << "the truth is opened, not what came late";
  ASSERT_TRUE(Submit(engineer_, Unchanged(next)).ok());
  EXPECT_EQ(LastRevision(1).number(), 4U);
  EXPECT_EQ(LastRevision(1).based_on(), 2U);
  EXPECT_EQ(Verify().breaks_total(), 0U);
}

TEST_F(ReopenTest, TenThousandBoxesOverTenThousandTakeSeconds) {
  v1::SubmitRequest many = CorrectionOf(*Reopen(annotator_, 1));
  for (int i = 0; i < 10'000; ++i) {
    const auto x = static_cast<float>(i % 100) * 0.25F, y = static_cast<float>(i / 100) * 0.25F;
    AddBox(many, x, y, x + 1, y + 1);
  }
  ASSERT_TRUE(Submit(annotator_, many).ok());
  const absl::Time start = absl::Now();
  ASSERT_TRUE(Submit(annotator_, Unchanged(*Reopen(annotator_, 1))).ok());
  EXPECT_LT(absl::Now() - start, absl::Seconds(10)) << "it took a minute when boxes were matched by overlap";
  EXPECT_EQ(LastRevision(1).boxes_size(), 10'000);
}

TEST_F(ReopenTest, NoTaskTellsThatItsImageWasAnsweredBefore) {
  const v1::Task opened = *Reopen(annotator_, 1);
  EXPECT_EQ(opened.kind(), v1::TASK_KIND_UNSPECIFIED);
  EXPECT_EQ(opened.image().revisions(), 0U);
  EXPECT_FALSE(opened.image().labelled());
  EXPECT_EQ(Reopen(engineer_, 2)->kind(), v1::REOPEN);
}

TEST_F(ReopenTest, ATaskHasTheNoteAndTheFlagsOfTheAnswerThatItCorrects) {
  v1::SubmitRequest noted = Unchanged(*Reopen(annotator_, 1));
  noted.set_note("the edge was cut off");
  noted.add_flags("unclear");
  noted.add_flags("edge");
  ASSERT_TRUE(Submit(annotator_, noted).ok());
  const v1::Task opened = *Reopen(engineer_, 1);
  EXPECT_EQ(opened.note(), "the edge was cut off");
  EXPECT_THAT(opened.flags(), testing::ElementsAre("unclear", "edge"));
  EXPECT_EQ(Rpc(*stub_, &Labeling::ListOpenTasks, engineer_, v1::ListOpenTasksRequest())->tasks(0).note(),
            "the edge was cut off");
  ASSERT_TRUE(Rpc(*stub_, &Labeling::Release, engineer_, ReleaseOf({opened})).ok());
  const v1::Task plain = NextOne(annotator_);
  EXPECT_EQ(plain.image().id(), 4);
  EXPECT_EQ(plain.note(), "");
  EXPECT_EQ(plain.flags_size(), 0);

  const auto projects = v1::ProjectService::NewStub(coordinator_.channel());
  v1::AddClassRequest added;
  added.set_request_id(NextRequestId());
  added.set_name("burr");
  ASSERT_TRUE(Rpc(*projects, &v1::ProjectService::Stub::AddClass, engineer_, added).ok());
  const std::vector<v1::Task> asked = *Next(annotator_, 3);
  const auto again =
      std::find_if(asked.begin(), asked.end(), [](const v1::Task& task) { return task.image().id() == 1; });
  ASSERT_NE(again, asked.end());
  EXPECT_EQ(again->note(), "the edge was cut off") << "also where it is looked at for a class";
  ASSERT_TRUE(Submit(annotator_, Unchanged(*again)).ok());
  EXPECT_EQ(Reopen(engineer_, 1)->note(), "") << "of the last answer alone";
}

TEST_F(ReopenTest, OpenTasksAreListedAndSkippedImagesAreTakenUpAgain) {
  v1::ListOpenTasksRequest list;
  EXPECT_EQ(Rpc(*stub_, &Labeling::ListOpenTasks, annotator_, list)->tasks_size(), 0);
  const v1::Task task = NextOne(annotator_);
  EXPECT_EQ(task.image().id(), 4);
  const auto open = Rpc(*stub_, &Labeling::ListOpenTasks, annotator_, list);
  ASSERT_EQ(open->tasks_size(), 1);
  EXPECT_EQ(open->tasks(0).task_id(), task.task_id());
  EXPECT_EQ(Rpc(*stub_, &Labeling::ListOpenTasks, other_, list)->tasks_size(), 0);
  v1::SkipRequest skip = SkipOf(task);
  skip.set_reason("too dark");
  ASSERT_TRUE(Rpc(*stub_, &Labeling::Skip, annotator_, skip).ok());
  EXPECT_EQ(Number("SELECT count(*) FROM task WHERE skip_reason = 'too dark'"), 1);
  v1::NextTasksRequest next;
  next.set_request_id(NextRequestId());
  const auto none = Rpc(*stub_, &Labeling::NextTasks, annotator_, next);
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_EQ(none->tasks_size(), 0);
  EXPECT_EQ(none->skipped_images(), 1U);
  next.set_request_id(NextRequestId());
  next.set_skipped(true);
  const auto again = Rpc(*stub_, &Labeling::NextTasks, annotator_, next);
  ASSERT_EQ(again->tasks_size(), 1);
  EXPECT_EQ(again->tasks(0).image().id(), 4);
  ASSERT_TRUE(Submit(annotator_, CorrectionOf(again->tasks(0))).ok());
  next.set_request_id(NextRequestId());
  const auto over = Rpc(*stub_, &Labeling::NextTasks, annotator_, next);
  EXPECT_EQ(over->tasks_size(), 0);
  EXPECT_EQ(over->skipped_images(), 0U);
}

class HoldoutReopenTest : public LabelingTest {
 protected:
  HoldoutReopenTest() : LabelingTest(1, 0.9) {}
};

TEST_F(HoldoutReopenTest, AHoldoutImageIsOpenedBlind) {
  Import(20);
  const auto tasks = Next(annotator_, 20);
  ASSERT_TRUE(tasks.ok());
  int64_t image = 0;
  for (const v1::Task& task : *tasks) {
    ASSERT_TRUE(Submit(annotator_, CorrectionOf(task)).ok());
    if (Provenance(task.image().id()).image().side() == v1::HOLDOUT) image = task.image().id();
  }
  ASSERT_NE(image, 0);
  const auto opened = Reopen(engineer_, image);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_TRUE(opened->blind());
  EXPECT_EQ(opened->predictions_size(), 0);
  ASSERT_TRUE(Submit(engineer_, CorrectionOf(*opened)).ok());
  EXPECT_TRUE(Provenance(image).revisions(1).blind());
}

}  // namespace
}  // namespace loupe
