// Tasks with a planted error: they look like others, and their answers are never the truth.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "loupe/v1/insight.grpc.pb.h"
#include "loupe/v1/project.grpc.pb.h"
#include "proto/error_info.h"
#include "tests/server/labeling/labeling_fixture.h"

namespace loupe {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Of 200 images the first 80 are labelled blind by one person, with one box of each class; 120 are ranked,
// and assisted.
class PlantedTest : public LabelingTest {
 protected:
  static constexpr int kLabelled = 80, kImages = 200;

  PlantedTest() {
    Import(kImages);
    std::vector<int64_t> ranked;
    for (int image = kLabelled + 1; image <= kImages; ++image) ranked.push_back(image);
    RankByModel(ranked);
    Sql(absl::StrCat(R"(
        CREATE TEMPORARY TABLE revised AS
        SELECT id AS image_id, (SELECT the_revision FROM append_revision(
                 id, 'import', (SELECT min(id) FROM principal), NULL, true, false, 0, NULL, '', '', '{}',
                 '{2,2,12,12, 22,6,32,16}', '{1,2}', '{imported,imported}', '{false,false}',
                 '{-1,-1}', '{0,0}', '{-1,-1}', '{}')) AS revision_id
        FROM image WHERE id <= )",
                     kLabelled));
    Sql("ALTER TABLE project DROP CONSTRAINT project_planted_share");
  }

  void Sql(const std::string& sql) { coordinator_.database().Sql(sql); }

  // 1: each assisted task but those that can't be planted.
  void SetShare(double share) { Sql(absl::StrCat("UPDATE project SET planted_share = ", share)); }

  static v1::SubmitRequest AcceptAll(const v1::Task& task) {
    v1::SubmitRequest correction = CorrectionOf(task);
    for (const v1::PredictedBox& box : task.predictions()) {
      v1::CorrectedBox& same = *correction.add_boxes();
      *same.mutable_box() = box.box();
      same.set_label(box.label());
      same.set_predicted_index(box.index());
    }
    return correction;
  }

  // Twenty ordinary tasks, to imitate.
  void ShowPatterns() {
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(Submit(annotator_, AcceptAll(NextOne(annotator_))).ok());
  }

  bool IsPlanted(const v1::Task& task) {
    return Number(absl::StrCat("SELECT count(*) FROM planted_error WHERE task_id = ", task.task_id())) == 1;
  }

  v1::Task NextPlanted() {
    SetShare(1);
    const v1::Task task = NextOne(annotator_);
    EXPECT_TRUE(IsPlanted(task));
    return task;
  }

  v1::LabelQuality Quality() {
    const auto stub = v1::InsightService::NewStub(coordinator_.channel());
    const auto quality =
        Rpc(*stub, &v1::InsightService::Stub::GetLabelQuality, engineer_, v1::GetLabelQualityRequest());
    EXPECT_TRUE(quality.ok()) << quality.status();
    return quality.ok() ? *quality : v1::LabelQuality();
  }
};

TEST_F(PlantedTest, ATaskLooksLikeAnyOther) {
  ShowPatterns();
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
    EXPECT_EQ(planted.predictions(i).score(), ordinary.predictions(i).score());
    EXPECT_EQ(planted.predictions(i).index(), ordinary.predictions(i).index());
    EXPECT_EQ(planted.predictions(i).side_certainty_size(), ordinary.predictions(i).side_certainty_size());
  }
  EXPECT_EQ(planted.task_id(), ordinary.task_id() + 1) << "no number is left out";
}

TEST_F(PlantedTest, TheAnswerLooksLikeTheTruthAndIsNot) {
  ShowPatterns();
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
  ShowPatterns();
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
  // Of two true boxes and a pattern of two, one can be moved or called something else.
  EXPECT_EQ(Number("SELECT count(DISTINCT kind) FROM planted_error"), 2);
}

TEST_F(PlantedTest, TheShareIsThatOfAssistedTasks) {
  ShowPatterns();
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

TEST_F(PlantedTest, NothingIsPlantedForEngineersOrWithoutPatterns) {
  SetShare(1);
  EXPECT_FALSE(IsPlanted(NextOne(annotator_))) << "nothing to imitate yet";
  SetShare(0);
  ShowPatterns();
  SetShare(1);
  EXPECT_FALSE(IsPlanted(NextOne(engineer_)));
}

TEST_F(PlantedTest, ASkippedOneLeavesNothingBehind) {
  ShowPatterns();
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
