// Second opinions: who is asked, what they see, and what is told of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "loupe/v1/insight.grpc.pb.h"
#include "loupe/v1/project.grpc.pb.h"
#include "proto/error_info.h"
#include "tests/server/labeling/labeling_fixture.h"

namespace loupe {
namespace {

using ::testing::HasSubstr;

class OverlapTest : public LabelingTest {
 protected:
  OverlapTest() : projects_(v1::ProjectService::NewStub(coordinator_.channel())) {}

  absl::StatusOr<v1::Project> SetShare(double share) {
    v1::SetQualityControlRequest request;
    request.set_request_id(NextRequestId());
    request.set_overlap_share(share);
    return Rpc(*projects_, &v1::ProjectService::Stub::SetQualityControl, engineer_, request);
  }

  // Every answered image is asked about, as if the share were 1.
  void AskAlways() {
    ASSERT_TRUE(SetShare(0.5).ok());
    coordinator_.database().Sql(
        "ALTER TABLE project DROP CONSTRAINT project_overlap_share; UPDATE project SET overlap_share = 1");
  }

  // Answers the next task with one box of this label.
  v1::SubmitResponse AnswerNext(const std::string& token, uint32_t label = 1, float x = 1) {
    v1::SubmitRequest correction = CorrectionOf(NextOne(token));
    AddBox(correction, x, 1, x + 10, 11, label);
    const auto taken = Submit(token, correction);
    EXPECT_TRUE(taken.ok()) << taken.status();
    return taken.ok() ? *taken : v1::SubmitResponse();
  }

  v1::LabelQuality Report() {
    const auto stub = v1::InsightService::NewStub(coordinator_.channel());
    const auto report =
        Rpc(*stub, &v1::InsightService::Stub::GetLabelQuality, engineer_, v1::GetLabelQualityRequest());
    EXPECT_TRUE(report.ok()) << report.status();
    return report.ok() ? *report : v1::LabelQuality();
  }

  int64_t Waiting() {
    return Number("SELECT count(*) FROM task_request WHERE kind = 'overlap' AND state = 'open'");
  }

  const std::string other_ = coordinator_.Token(v1::ANNOTATOR);
  const std::string third_ = coordinator_.Token(v1::ANNOTATOR);
  std::unique_ptr<v1::ProjectService::Stub> projects_;
};

TEST_F(OverlapTest, ASecondPersonAnswersBlindAndTheTruthStays) {
  Import(3);
  RankByModel({1, 2, 3});
  AskAlways();
  EXPECT_EQ(AnswerNext(annotator_).standing(), v1::STANDING_TRUTH);
  EXPECT_EQ(Waiting(), 1);
  EXPECT_EQ(NextOne(annotator_).image().id(), 2) << "nobody is asked twice";

  const v1::Task task = NextOne(other_);
  EXPECT_EQ(task.image().id(), 1);
  EXPECT_TRUE(task.blind());
  EXPECT_EQ(task.boxes_size(), 0) << "the first answer isn't shown";
  EXPECT_EQ(task.predictions_size(), 0);
  EXPECT_EQ(task.kind(), v1::TASK_KIND_UNSPECIFIED) << "whoever labels can't tell";
  EXPECT_EQ(task.reason().generation(), 1U);
  v1::SubmitRequest correction = CorrectionOf(task);
  AddBox(correction, 2, 1, 12, 11, 2);
  const auto taken = Submit(other_, correction);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->standing(), v1::STANDING_OPINION);
  EXPECT_FALSE(taken->late());
  EXPECT_EQ(Waiting(), 0);

  const v1::ImageProvenance history = Provenance(1);
  ASSERT_EQ(history.revisions_size(), 2);
  EXPECT_EQ(history.revisions(1).standing(), v1::STANDING_OPINION);
  EXPECT_TRUE(history.revisions(1).blind());
  EXPECT_EQ(Number("SELECT truth_revision_id FROM image WHERE id = 1"),
            Number("SELECT min(id) FROM label_revision"));
  EXPECT_EQ(Verify().breaks_total(), 0U);
  EXPECT_EQ(CountsThatDiffer(), 0);
}

// Neither in a snapshot, nor in what is counted as truth, nor asked about again.
TEST_F(OverlapTest, AnOpinionIsNeverTrainedOn) {
  Import(2);
  RankByModel({1, 2});
  AskAlways();
  AnswerNext(annotator_, 1);
  AnswerNext(other_, 2);
  SubmitRound();
  EXPECT_EQ(Number("SELECT count(*) FROM snapshot_item"), 1);
  EXPECT_EQ(Number("SELECT revision_id FROM snapshot_item"), Number("SELECT min(id) FROM label_revision"));
  EXPECT_EQ(Status().class_counts(0).boxes(), 1U);
  EXPECT_EQ(Status().class_counts(1).boxes(), 0U);
  EXPECT_EQ(NextOne(third_).image().id(), 2) << "one opinion is enough";
}

TEST_F(OverlapTest, ASkippedOpinionIsAskedOfSomebodyElse) {
  Import(2);
  RankByModel({1, 2});
  AskAlways();
  AnswerNext(annotator_);
  const v1::Task task = NextOne(other_);
  ASSERT_EQ(task.image().id(), 1);
  ASSERT_TRUE(Rpc(*stub_, &Labeling::Skip, other_, SkipOf(task)).ok());
  EXPECT_EQ(NextOne(other_).image().id(), 2);
  EXPECT_EQ(AnswerNext(third_).standing(), v1::STANDING_OPINION);
}

TEST_F(OverlapTest, TheShareIsWhatWasAskedForAndIsDecidedByTheImage) {
  EXPECT_EQ(ErrorReason(SetShare(0.6).status()), "INVALID_ARGUMENT");
  EXPECT_EQ(ErrorReason(SetShare(NAN).status()), "INVALID_ARGUMENT");
  Import(300);
  AnswerNext(annotator_);
  EXPECT_EQ(Waiting(), 0) << "without a share nobody is asked";
  ASSERT_TRUE(SetShare(0.25).ok());
  EXPECT_DOUBLE_EQ(SetShare(0.25)->overlap_share(), 0.25);
  for (int i = 0; i < 280; ++i) AnswerNext(annotator_);
  EXPECT_NEAR(static_cast<double>(Waiting()), 70, 25);
}

TEST_F(OverlapTest, FewWaitAtATime) {
  Import(210);
  AskAlways();
  for (int i = 0; i < 205; ++i) AnswerNext(annotator_);
  EXPECT_EQ(Waiting(), 200);
}

TEST_F(OverlapTest, AgreementIsThatOfTheTwoAnswers) {
  Import(4);
  RankByModel({1, 2, 3, 4});
  EXPECT_FALSE(Report().has_all());
  AskAlways();
  for (int i = 0; i < 4; ++i) AnswerNext(annotator_, 1);
  EXPECT_EQ(Report().waiting_images(), 4U);
  AnswerNext(other_, 1);      // the same
  AnswerNext(other_, 2);      // another class
  AnswerNext(other_, 1, 25);  // elsewhere
  AnswerNext(third_, 1, 2);   // nearly the same
  const v1::LabelQuality report = Report();
  EXPECT_EQ(report.waiting_images(), 0U);
  EXPECT_EQ(report.all().images(), 4U);
  EXPECT_EQ(report.all().things(), 5U);
  EXPECT_EQ(report.all().classes(0).both(), 2U);
  EXPECT_EQ(report.all().classes(0).other_class(), 1U);
  EXPECT_EQ(report.all().classes(0).first_only(), 1U);
  EXPECT_EQ(report.all().classes(0).second_only(), 1U);
  EXPECT_NEAR(report.all().mean_iou(), (1 + 1 + 90.0 / 110) / 3, 1e-6);
  EXPECT_LT(report.all().alpha(), 0.5);
  ASSERT_EQ(report.reviewers_size(), 3);
  EXPECT_EQ(Number("SELECT count(*) FROM label_revision WHERE standing = 'opinion'"), 4);
  for (const v1::ReviewerQuality& one : report.reviewers()) {
    EXPECT_GT(one.accuracy(), 0.4);
    EXPECT_LT(one.accuracy(), 1);
  }
}

// What was withdrawn is no longer compared.
TEST_F(OverlapTest, AWithdrawnAnswerIsNotCompared) {
  Import(2);
  RankByModel({1, 2});
  AskAlways();
  AnswerNext(annotator_);
  AnswerNext(other_);
  ASSERT_TRUE(Report().has_all());
  v1::WithdrawRequest request;
  request.set_request_id(NextRequestId());
  request.set_reviewer(coordinator_.database()
                           .Sql("SELECT name FROM principal JOIN label_revision ON author_id = principal.id "
                                "WHERE standing = 'truth'")
                           .at(0)[0]
                           .as<std::string>());
  const auto taken = Rpc(*stub_, &Labeling::Withdraw, engineer_, request);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_FALSE(Report().has_all());
}

TEST_F(OverlapTest, WhoAnswersADisagreementAgainDecidesIt) {
  Import(3);
  RankByModel({1, 2, 3});
  AskAlways();
  for (int i = 0; i < 3; ++i) AnswerNext(annotator_);
  AnswerNext(other_);                                      // the same thing
  AnswerNext(other_, 2);                                   // of another class
  v1::SubmitRequest more = CorrectionOf(NextOne(other_));  // one more, and a region to ignore
  AddBox(more, 1, 1, 11, 11, 2);
  AddBox(more, 20, 1, 30, 11, 1);
  AddBox(more, 12, 14, 18, 20, 1).set_ignore(true);
  ASSERT_TRUE(Submit(other_, more).ok());

  const auto insight = v1::InsightService::NewStub(coordinator_.channel());
  const auto list = [&](uint32_t size, const std::string& page) {
    v1::ListDisagreementsRequest request;
    request.set_page_size(size);
    request.set_page_token(page);
    const auto listed = Rpc(*insight, &v1::InsightService::Stub::ListDisagreements, engineer_, request);
    EXPECT_TRUE(listed.ok()) << listed.status();
    return listed.ok() ? *listed : v1::ListDisagreementsResponse();
  };
  const v1::ListDisagreementsResponse first = list(1, "");
  EXPECT_EQ(first.total(), 2U);
  ASSERT_EQ(first.images_size(), 1);
  EXPECT_EQ(first.images(0).image().id(), 3) << "where they differ most";
  EXPECT_FALSE(first.images(0).image().file_name().empty());
  EXPECT_EQ(first.images(0).differing(), 2U);
  EXPECT_EQ(first.images(0).first_size(), 1);
  EXPECT_EQ(first.images(0).second_size(), 3) << "with what is to be ignored";
  EXPECT_NE(first.images(0).first_author(), first.images(0).second_author());
  const v1::ListDisagreementsResponse second = list(1, first.next_page_token());
  ASSERT_EQ(second.images_size(), 1);
  EXPECT_EQ(second.images(0).image().id(), 2);
  EXPECT_TRUE(second.next_page_token().empty());

  const auto task = Reopen(engineer_, 3);
  ASSERT_TRUE(task.ok()) << task.status();
  ASSERT_TRUE(Submit(engineer_, Unchanged(*task)).ok());
  EXPECT_EQ(list(0, "").total(), 1U) << "the first answer was confirmed";
  v1::ListDisagreementsRequest bad;
  bad.set_page_token("x");
  EXPECT_FALSE(Rpc(*insight, &v1::InsightService::Stub::ListDisagreements, engineer_, bad).ok());
}

}  // namespace
}  // namespace loupe
