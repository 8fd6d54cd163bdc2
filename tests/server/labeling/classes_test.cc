// Classes that are added and retired while people label.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "loupe/v1/project.grpc.pb.h"
#include "proto/error_info.h"
#include "tests/server/labeling/labeling_fixture.h"

namespace loupe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ClassesTest : public LabelingTest {
 protected:
  ClassesTest() { Import(4); }

  absl::StatusOr<v1::Project> AddClass(const std::string& name) {
    v1::AddClassRequest request;
    request.set_request_id(NextRequestId());
    request.set_name(name);
    return Rpc(*projects_, &v1::ProjectService::Stub::AddClass, engineer_, request);
  }

  absl::StatusOr<v1::Project> Retire(uint32_t label) {
    v1::RetireClassRequest request;
    request.set_request_id(NextRequestId());
    request.set_label(label);
    return Rpc(*projects_, &v1::ProjectService::Stub::RetireClass, engineer_, request);
  }

  void Answer(const v1::Task& task, uint32_t label) {
    v1::SubmitRequest correction = CorrectionOf(task);
    AddBox(correction, 1, 1, 11, 11, label);
    const auto taken = Submit(annotator_, correction);
    ASSERT_TRUE(taken.ok()) << taken.status();
  }

  uint64_t ToLookAt(uint32_t label) {
    return Status().class_counts(static_cast<int>(label) - 1).images_to_look_at();
  }

  std::unique_ptr<v1::ProjectService::Stub> projects_ = v1::ProjectService::NewStub(coordinator_.channel());
};

TEST_F(ClassesTest, ImagesThatWereLabelledBeforeAreLookedAtForANewClassFirst) {
  for (int i = 0; i < 2; ++i) Answer(NextOne(annotator_), 1);
  const auto project = AddClass("hole, \"round\"");
  ASSERT_TRUE(project.ok()) << project.status();
  EXPECT_EQ(project->classes(2).label(), 3U);
  EXPECT_EQ(project->classes(2).name(), "hole, \"round\"");
  EXPECT_EQ(ToLookAt(3), 2U);
  EXPECT_EQ(ErrorReason(AddClass("hole, \"round\"").status()), "CLASS_EXISTS");

  const std::string other = coordinator_.Token(v1::ANNOTATOR);
  const v1::Task task = NextOne(other);
  EXPECT_THAT(task.new_classes(), ElementsAre(3));
  ASSERT_EQ(task.boxes_size(), 1) << "the boxes that are there already";
  EXPECT_EQ(task.predictions_size(), 0);
  EXPECT_EQ(task.kind(), v1::TASK_KIND_UNSPECIFIED) << "hidden from annotators";
  v1::SubmitRequest correction = CorrectionOf(task);
  v1::CorrectedBox& kept = AddBox(correction, 1, 1, 11, 11, 1);
  kept.set_box_id(task.boxes(0).box_id());
  AddBox(correction, 15, 15, 20, 20, 3);
  ASSERT_TRUE(Submit(other, correction).ok());
  EXPECT_EQ(ToLookAt(3), 1U);
  const v1::Task second = NextOne(engineer_);
  EXPECT_EQ(second.kind(), v1::CLASS_ADDED);
  EXPECT_NE(second.image().id(), task.image().id());
  EXPECT_THAT(NextOne(other).new_classes(), IsEmpty()) << "then the ranking goes on";
  EXPECT_EQ(Verify().breaks_total(), 0U);
}

TEST_F(ClassesTest, AnAnswerToATaskFromBeforeDoesntKnowTheClass) {
  const v1::Task before = NextOne(annotator_);
  ASSERT_TRUE(AddClass("hole").ok());
  EXPECT_EQ(ToLookAt(3), 0U);
  Answer(before, 1);
  EXPECT_EQ(ToLookAt(3), 1U);
  const v1::Task after = NextOne(annotator_);
  EXPECT_THAT(after.new_classes(), ElementsAre(3));
  Answer(after, 3);
  EXPECT_EQ(ToLookAt(3), 0U);
  Answer(NextOne(annotator_), 3);
  EXPECT_EQ(ToLookAt(3), 0U) << "a task from after it knows it";
}

TEST_F(ClassesTest, TwoNewClassesAreOneLook) {
  Answer(NextOne(annotator_), 1);
  ASSERT_TRUE(AddClass("hole").ok());
  ASSERT_TRUE(AddClass("crack").ok());
  const v1::Task task = NextOne(annotator_);
  EXPECT_THAT(task.new_classes(), ElementsAre(3, 4));
  Answer(task, 4);
  EXPECT_EQ(ToLookAt(3) + ToLookAt(4), 0U);
}

TEST_F(ClassesTest, ALookThatIsSkippedReleasedOrLateIsServedAgain) {
  Answer(NextOne(annotator_), 1);
  ASSERT_TRUE(AddClass("hole").ok());
  const v1::Task skipped = NextOne(annotator_);
  ASSERT_TRUE(Rpc(*stub_, &Labeling::Skip, annotator_, SkipOf(skipped)).ok());
  EXPECT_THAT(NextOne(annotator_).new_classes(), IsEmpty()) << "not to who skipped it";
  v1::NextTasksRequest again;
  again.set_request_id(NextRequestId());
  again.set_skipped(true);
  const auto taken = Rpc(*stub_, &Labeling::NextTasks, annotator_, again);
  ASSERT_TRUE(taken.ok()) << taken.status();
  ASSERT_EQ(taken->tasks_size(), 1);
  EXPECT_EQ(taken->tasks(0).image().id(), skipped.image().id());
  ASSERT_TRUE(Rpc(*stub_, &Labeling::Release, annotator_, ReleaseOf({taken->tasks(0)})).ok());
  const v1::Task late = NextOne(engineer_);
  EXPECT_THAT(late.new_classes(), ElementsAre(3));
  LetLeasesEnd();
  EXPECT_EQ(ToLookAt(3), 1U);
  EXPECT_EQ(NextOne(engineer_).image().id(), late.image().id());
}

TEST_F(ClassesTest, ALookThatComesLateLeavesTheQuestionOpen) {
  const v1::Task first = NextOne(annotator_);
  Answer(first, 1);
  const auto reopened = Reopen(annotator_, first.image().id());  // from before the class
  ASSERT_TRUE(reopened.ok()) << reopened.status();
  ASSERT_TRUE(AddClass("hole").ok());
  LetLeasesEnd();
  const std::string other = coordinator_.Token(v1::ANNOTATOR);
  const v1::Task look = NextOne(other);
  ASSERT_THAT(look.new_classes(), ElementsAre(3));
  Answer(*reopened, 2);  // becomes the truth, and knows nothing of the class
  v1::SubmitRequest correction = CorrectionOf(look);
  AddBox(correction, 20, 20, 30, 30, 3);
  const auto late = Submit(other, correction);
  ASSERT_TRUE(late.ok()) << late.status();
  EXPECT_EQ(late->standing(), v1::STANDING_LATE);
  EXPECT_EQ(ToLookAt(3), 1U);
  EXPECT_THAT(NextOne(other).new_classes(), ElementsAre(3)) << "the image is looked at once more";
}

TEST_F(ClassesTest, ReplacedLabelsKnowTheClass) {
  Answer(NextOne(annotator_), 1);
  Answer(NextOne(annotator_), 1);
  ASSERT_TRUE(AddClass("hole").ok());
  v1::ImportStart start;
  start.set_request_id(NextRequestId());
  start.set_replace(true);
  std::vector<TestPicture> pictures = PlainPictures(4, 0);
  for (TestPicture& picture : pictures) {
    v1::ImportedBox& box = *picture.labels.emplace().add_boxes();
    box.mutable_box()->set_x2(10);
    box.mutable_box()->set_y2(20);
    box.set_label(3);
  }
  const auto imported = ImportPictures(coordinator_.channel(), engineer_, start, pictures);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(ToLookAt(3), 0U);
}

TEST_F(ClassesTest, ARetiredClassKeepsItsBoxesAndIsNotOffered) {
  RankByModel({1, 2, 3});
  Answer(NextOne(annotator_), 2);
  const auto retired = Retire(2);
  ASSERT_TRUE(retired.ok()) << retired.status();
  EXPECT_TRUE(retired->classes(1).retired());
  EXPECT_TRUE(Retire(2).ok()) << "idempotent";
  EXPECT_EQ(ErrorReason(Retire(1).status()), "LAST_CLASS");
  EXPECT_EQ(ErrorReason(Retire(7).status()), "NO_SUCH_CLASS");
  EXPECT_EQ(Status().class_counts(1).boxes(), 1U);

  const v1::Task task = NextOne(annotator_);
  ASSERT_EQ(task.predictions_size(), 1) << "the model's box of the retired class isn't shown";
  EXPECT_EQ(task.predictions(0).label(), 1U);
  v1::SubmitRequest correction = CorrectionOf(task);
  AddBox(correction, 1, 1, 11, 11, 2);
  const absl::Status refused = Submit(annotator_, correction).status();
  EXPECT_EQ(ErrorReason(refused), "BAD_BOX");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("retired"));

  const v1::Task opened = *Reopen(annotator_, 1);
  ASSERT_EQ(opened.boxes_size(), 1);
  v1::SubmitRequest kept = CorrectionOf(opened);
  AddBox(kept, 1, 1, 11, 11, 2).set_box_id(opened.boxes(0).box_id());
  AddBox(kept, 20, 20, 30, 30, 1);
  EXPECT_TRUE(Submit(annotator_, kept).ok()) << "its boxes are kept";
  EXPECT_EQ(Number("SELECT count(*) FROM label_box WHERE label = 2"), 2);
  EXPECT_EQ(Verify().breaks_total(), 0U);
}

TEST_F(ClassesTest, AShownBoxHasItsPlaceAlsoBehindOneThatIsLeftOut) {
  RankByModel({1});
  ASSERT_TRUE(Retire(1).ok());
  const v1::Task task = NextOne(annotator_);
  ASSERT_EQ(task.predictions_size(), 1);
  EXPECT_EQ(task.predictions(0).label(), 2U);
  EXPECT_EQ(task.predictions(0).index(), 0U);
  v1::SubmitRequest correction = CorrectionOf(task);
  AddBox(correction, 20, 5, 30, 15, 2).set_predicted_index(0);
  const auto taken = Submit(annotator_, correction);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->accepted(), 1U);
  EXPECT_EQ(Number("SELECT prediction_index FROM shown_box"), 1);
}

TEST_F(ClassesTest, NobodyIsAskedAboutAClassThatWasRetired) {
  Answer(NextOne(annotator_), 1);
  ASSERT_TRUE(AddClass("hole").ok());
  ASSERT_TRUE(Retire(3).ok());
  EXPECT_THAT(NextOne(annotator_).new_classes(), IsEmpty());
  EXPECT_EQ(ToLookAt(3), 0U);
  const auto again = AddClass("hole");
  EXPECT_EQ(ErrorReason(again.status()), "CLASS_EXISTS");
  EXPECT_THAT(std::string(again.status().message()), HasSubstr("retired"));
  ASSERT_EQ(AddClass("hole again")->classes(3).label(), 4U) << "numbers are never used again";
}

TEST_F(ClassesTest, ImportedBoxesOfARetiredClassAreRefusedByName) {
  ASSERT_TRUE(Retire(2).ok());
  v1::ImportStart start;
  start.set_request_id(NextRequestId());
  std::vector<TestPicture> pictures = PlainPictures(1, 50);
  v1::ImportedBox& box = *pictures[0].labels.emplace().add_boxes();
  box.mutable_box()->set_x2(10);
  box.mutable_box()->set_y2(20);
  box.set_label(2);
  const auto imported = ImportPictures(coordinator_.channel(), engineer_, start, pictures);
  EXPECT_EQ(ErrorReason(imported.status()), "BAD_LABELS");
  EXPECT_THAT(std::string(imported.status().message()), HasSubstr("retired"));
}

}  // namespace
}  // namespace loupe
