// Tasks with a planted error: they look like others, and their answers are never the truth.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "loupe/v1/project.grpc.pb.h"
#include "proto/error_info.h"
#include "tests/server/labeling/planted_fixture.h"

namespace loupe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST_F(PlantedTest, ATaskLooksLikeAnyOther) {
  AnswerOrdinaryOnes();
  const v1::Task ordinary = NextOne(annotator_);
  ASSERT_FALSE(IsPlanted(ordinary));
  const v1::Task planted = NextPlanted();
  EXPECT_LE(planted.image().id(), kLabelled);
  std::vector<const google::protobuf::FieldDescriptor*> fields, planted_fields;
  ordinary.GetReflection()->ListFields(ordinary, &fields);
  planted.GetReflection()->ListFields(planted, &planted_fields);
  EXPECT_EQ(planted_fields, fields);
  ordinary.image().GetReflection()->ListFields(ordinary.image(), &fields);
  planted.image().GetReflection()->ListFields(planted.image(), &planted_fields);
  EXPECT_EQ(planted_fields, fields);
  EXPECT_FALSE(planted.blind());
  EXPECT_EQ(planted.kind(), v1::TASK_KIND_UNSPECIFIED);
  EXPECT_EQ(planted.reason().SerializeAsString(), ordinary.reason().SerializeAsString());
  ASSERT_EQ(planted.predictions_size(), ordinary.predictions_size());
  for (int i = 0; i < planted.predictions_size(); ++i) {
    EXPECT_NEAR(planted.predictions(i).score(), ordinary.predictions(i).score(), 0.3);
    EXPECT_EQ(planted.predictions(i).label(), ordinary.predictions(i).label());
    EXPECT_EQ(planted.predictions(i).index(), ordinary.predictions(i).index());
    EXPECT_EQ(planted.predictions(i).side_certainty_size(), ordinary.predictions(i).side_certainty_size());
  }
  EXPECT_EQ(planted.task_id(), ordinary.task_id() + 1) << "no number is left out";
}

TEST_F(PlantedTest, TheAnswerLooksLikeTheTruthAndIsNot) {
  AnswerOrdinaryOnes();
  const v1::Task task = NextPlanted();
  const int64_t image = task.image().id();
  const auto truth = Number(absl::StrCat("SELECT truth_revision_id FROM image WHERE id = ", image));
  const auto taken = Submit(annotator_, AcceptAll(task));
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->standing(), v1::STANDING_TRUTH);
  EXPECT_EQ(taken->revision(), 1U);
  EXPECT_FALSE(taken->late());
  EXPECT_EQ(Number(absl::StrCat("SELECT truth_revision_id FROM image WHERE id = ", image)), truth);
  EXPECT_EQ(Provenance(image).revisions(1).standing(), v1::STANDING_PLANTED);
  EXPECT_EQ(Verify().breaks_total(), 0U);

  v1::ListAnswersRequest request;
  const auto own = Rpc(*stub_, &Labeling::ListAnswers, annotator_, request);
  ASSERT_TRUE(own.ok()) << own.status();
  EXPECT_EQ(own->answers(0).image().id(), image);
  EXPECT_EQ(own->answers(0).standing(), own->answers(1).standing());
  EXPECT_TRUE(own->answers(0).can_be_opened());

  const v1::Task again = *Reopen(annotator_, image);
  EXPECT_EQ(again.boxes_size(), task.predictions_size()) << "the own answer, not the truth";
  const auto corrected = Submit(annotator_, Unchanged(again));
  ASSERT_TRUE(corrected.ok()) << corrected.status();
  EXPECT_EQ(corrected->standing(), v1::STANDING_TRUTH);
  EXPECT_EQ(Number(absl::StrCat("SELECT truth_revision_id FROM image WHERE id = ", image)), truth);

  SetShare(0);
  SubmitRound();
  EXPECT_EQ(Number("SELECT count(*) FROM snapshot_item JOIN label_revision revision ON revision.id = "
                   "snapshot_item.revision_id WHERE standing = 'planted'"),
            0);
  EXPECT_EQ(Number("SELECT count(*) FROM snapshot_item"), kLabelled + 20);
}

TEST_F(PlantedTest, WhoAcceptsAllIsFoundAndWhoLooksIsNot) {
  AnswerOrdinaryOnes();
  SetShare(1);
  for (int i = 0; i < 12; ++i) ASSERT_TRUE(Submit(annotator_, AcceptAll(NextPlanted())).ok());
  const std::string careful = coordinator_.Token(v1::ANNOTATOR);
  for (int i = 0; i < 12; ++i) {
    const v1::Task task = NextOne(careful);
    ASSERT_TRUE(IsPlanted(task));
    v1::SubmitRequest correction = CorrectionOf(task);
    AddBox(correction, 2, 2, 12, 12, 1);
    AddBox(correction, 22, 6, 32, 16, 2);
    ASSERT_TRUE(Submit(careful, correction).ok());
  }
  const v1::LabelQuality quality = Quality();
  ASSERT_EQ(quality.reviewers_size(), 2);
  for (const v1::ReviewerQuality& reviewer : quality.reviewers()) {
    EXPECT_EQ(reviewer.planted(), 12U);
    EXPECT_FALSE(reviewer.has_agreement());
    if (reviewer.caught() == 12) {
      EXPECT_THAT(reviewer.alarms(), IsEmpty());
    } else {
      EXPECT_EQ(reviewer.caught(), 0U);
      ASSERT_EQ(reviewer.alarms_size(), 1);
      EXPECT_EQ(reviewer.alarms(0).kind(), v1::ReviewerAlarm::PLANTED_ERRORS_KEPT);
    }
  }
  // Of two true boxes that are both shown, one can be moved beside its thing or to where nothing is.
  EXPECT_EQ(Number("SELECT count(DISTINCT kind) FROM planted_error"), 2);
}

TEST_F(PlantedTest, TheShareIsThatOfAssistedTasks) {
  AnswerOrdinaryOnes();
  SetShare(0.25);
  int planted = 0, all = 0;
  for (; all < 80; ++all) {
    const v1::Task task = NextOne(annotator_);
    planted += IsPlanted(task);
    ASSERT_TRUE(Submit(annotator_, AcceptAll(task)).ok());
  }
  EXPECT_GE(planted, 8);
  EXPECT_LE(planted, 34);
}

TEST_F(PlantedTest, NothingIsPlantedForEngineersOrWithoutPredictions) {
  SetShare(1);
  EXPECT_FALSE(IsPlanted(NextOne(engineer_)));
  EXPECT_TRUE(IsPlanted(NextOne(annotator_)));
  Sql("DELETE FROM prediction");
  EXPECT_FALSE(IsPlanted(NextOne(annotator_))) << "nothing to imitate";
}

TEST_F(PlantedTest, WhatAnAnnotatorSeesOfTheProjectGrowsAlike) {
  AnswerOrdinaryOnes();
  const auto answer = [&](const v1::Task& task) {
    const uint64_t before = Status(annotator_).labelled();
    EXPECT_TRUE(Submit(annotator_, AcceptAll(task)).ok());
    return Status(annotator_).labelled() - before;
  };
  EXPECT_EQ(answer(NextOne(annotator_)), 1U);
  EXPECT_EQ(answer(NextPlanted()), 1U);
  const v1::ProjectStatus shown = Status(annotator_), all = Status();
  EXPECT_EQ(all.answers_beside_truth(), 1U);
  EXPECT_EQ(shown.labelled(), all.labelled() + 1);
  EXPECT_EQ(shown.queue_length(), 0U);
  EXPECT_EQ(shown.class_counts_size(), 0);
  EXPECT_EQ(shown.boxes_accepted(), 0U);
  EXPECT_GT(all.boxes_accepted(), 0U);
}

TEST_F(PlantedTest, TheProjectMayTellAfterwards) {
  AnswerOrdinaryOnes();
  ASSERT_TRUE(Submit(annotator_, AcceptAll(NextPlanted())).ok());
  const auto last = [&] {
    const auto own = Rpc(*stub_, &Labeling::ListAnswers, annotator_, v1::ListAnswersRequest());
    EXPECT_TRUE(own.ok()) << own.status();
    return own->answers(0);
  };
  EXPECT_FALSE(last().has_caught());
  SetQuality([](v1::SetQualityControlRequest& set) { set.set_reveal_planted(true); });
  EXPECT_EQ(last().standing(), v1::STANDING_PLANTED);
  EXPECT_TRUE(last().has_caught());
  EXPECT_FALSE(last().caught());
  v1::SubmitRequest right = CorrectionOf(NextPlanted());
  AddBox(right, 2, 2, 12, 12, 1);
  AddBox(right, 22, 6, 32, 16, 2);
  ASSERT_TRUE(Submit(annotator_, right).ok());
  EXPECT_TRUE(last().caught());
}

TEST_F(PlantedTest, AReleasedOneComesAgainUnchanged) {
  const v1::Task planted = NextPlanted();
  const v1::ReleaseRequest release = ReleaseOf({planted});
  ASSERT_TRUE(Rpc(*stub_, &Labeling::Release, annotator_, release).ok());
  SetShare(0.01);
  const v1::Task again = NextOne(annotator_);
  EXPECT_TRUE(IsPlanted(again));
  EXPECT_EQ(again.image().id(), planted.image().id());
  ASSERT_EQ(again.predictions_size(), planted.predictions_size());
  for (int i = 0; i < again.predictions_size(); ++i) {
    EXPECT_EQ(again.predictions(i).SerializeAsString(), planted.predictions(i).SerializeAsString());
  }
  LetLeasesEnd();
  const v1::Task once_more = NextOne(annotator_);
  EXPECT_EQ(once_more.image().id(), planted.image().id()) << "as after its lease has ended";
  ASSERT_TRUE(Submit(annotator_, AcceptAll(once_more)).ok());
  EXPECT_NE(NextOne(annotator_).image().id(), planted.image().id());
}

TEST_F(PlantedTest, ASkippedOneIsCountedAndCanBeTakenUp) {
  const v1::Task planted = NextPlanted();
  ASSERT_TRUE(Rpc(*stub_, &Labeling::Skip, annotator_, SkipOf(planted)).ok());
  v1::GetOwnWorkRequest work;
  EXPECT_EQ(Rpc(*stub_, &Labeling::GetOwnWork, annotator_, work)->skipped_images(), 1U);
  v1::NextTasksRequest skipped;
  skipped.set_request_id(NextRequestId());
  skipped.set_count(5);
  skipped.set_skipped(true);
  const auto tasks = Rpc(*stub_, &Labeling::NextTasks, annotator_, skipped);
  ASSERT_TRUE(tasks.ok()) << tasks.status();
  ASSERT_EQ(tasks->tasks_size(), 1);
  EXPECT_EQ(tasks->tasks(0).image().id(), planted.image().id());
  EXPECT_EQ(Rpc(*stub_, &Labeling::GetOwnWork, annotator_, work)->skipped_images(), 0U);
}

TEST_F(PlantedTest, AnsweringAgainIsNumberedAsAnyOther) {
  const v1::Task planted = NextPlanted();
  EXPECT_EQ(Submit(annotator_, AcceptAll(planted))->revision(), 1U);
  const v1::Task again = *Reopen(annotator_, planted.image().id());
  EXPECT_EQ(Submit(annotator_, Unchanged(again))->revision(), 2U);
}

TEST_F(PlantedTest, WhatAnEngineerVouchesForServesUntilItsLabelsChange) {
  SetShare(1);
  // As if all had been labelled with predictions shown.
  Sql("ALTER TABLE label_revision DISABLE TRIGGER USER; UPDATE label_revision SET blind = false");
  EXPECT_FALSE(IsPlanted(NextOne(annotator_)));
  const auto mark = [&](std::vector<int64_t> images, bool gold) {
    v1::SetGoldImagesRequest request;
    request.set_request_id(NextRequestId());
    for (const int64_t image : images) request.add_image_ids(image);
    request.set_gold(gold);
    return Rpc(*stub_, &Labeling::SetGoldImages, engineer_, request);
  };
  const auto marked = mark({3, 150, 9999}, true);
  ASSERT_TRUE(marked.ok()) << marked.status();
  EXPECT_THAT(marked->image_ids(), ElementsAre(3));
  ASSERT_EQ(marked->problems_size(), 2);
  EXPECT_EQ(marked->problems(0).reason(), "NOT_LABELLED");
  EXPECT_EQ(marked->problems(1).reason(), "NO_SUCH_IMAGE");
  EXPECT_EQ(mark({4}, false)->problems(0).reason(), "NOT_GOLD");
  EXPECT_FALSE(mark({}, true).ok());

  const v1::Task planted = NextOne(annotator_);
  EXPECT_TRUE(IsPlanted(planted));
  EXPECT_EQ(planted.image().id(), 3);
  ASSERT_TRUE(mark({5}, true).ok());
  ASSERT_TRUE(Submit(engineer_, Unchanged(*Reopen(engineer_, 5))).ok());
  EXPECT_FALSE(IsPlanted(NextOne(annotator_))) << "the truth is another one";
}

TEST_F(PlantedTest, ASkippedOneLeavesNothingBehind) {
  AnswerOrdinaryOnes();
  const v1::Task task = NextPlanted();
  ASSERT_TRUE(Rpc(*stub_, &Labeling::Skip, annotator_, SkipOf(task)).ok());
  EXPECT_EQ(Number(absl::StrCat("SELECT count(*) FROM lease WHERE subject_id = ", task.image().id())), 0);
  for (int i = 0; i < 5; ++i) {
    const v1::Task next = NextPlanted();
    EXPECT_NE(next.image().id(), task.image().id()) << "nobody gets an image twice";
  }
}

}  // namespace
}  // namespace loupe
