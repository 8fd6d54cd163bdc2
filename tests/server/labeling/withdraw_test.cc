// Labels that are taken back in bulk.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <thread>

#include "absl/strings/str_cat.h"
#include "loupe/v1/image.grpc.pb.h"
#include "loupe/v1/insight.grpc.pb.h"
#include "loupe/v1/model.grpc.pb.h"
#include "loupe/v1/project.grpc.pb.h"
#include "proto/error_info.h"
#include "tests/server/labeling/labeling_fixture.h"

namespace loupe {
namespace {

class WithdrawTest : public AnsweredTest {
 protected:
  // Answers an image once more, with the boxes that it has.
  void AnswerAgain(const std::string& token, int64_t image) {
    ASSERT_TRUE(Submit(token, Unchanged(*Reopen(token, image))).ok());
  }

  absl::StatusOr<v1::WithdrawResponse> Withdraw(v1::WithdrawRequest request) {
    request.set_request_id(NextRequestId());
    return Rpc(*stub_, &Labeling::Withdraw, engineer_, request);
  }

  absl::StatusOr<v1::UndoWithdrawalResponse> Undo(int64_t withdrawal, bool dry_run = false,
                                                  const std::string& project = "parts") {
    v1::UndoWithdrawalRequest request;
    request.set_request_id(NextRequestId());
    request.set_project(project);
    request.set_withdrawal(withdrawal);
    request.set_dry_run(dry_run);
    return Rpc(*stub_, &Labeling::UndoWithdrawal, engineer_, request);
  }

  v1::WithdrawRequest AllOf(const std::string& token) {
    v1::WithdrawRequest request;
    request.set_reviewer(NameOf(token));
    return request;
  }

  std::string NameOf(const std::string& token) {
    return coordinator_.database()
        .Sql(absl::StrCat("SELECT name FROM principal WHERE role = '",
                          token == engineer_ ? "engineer" : "annotator", "' ORDER BY id LIMIT 1"))
        .at(0)[0]
        .as<std::string>();
  }

  // Number of the revision that is the truth; 0: none.
  int64_t Truth(int64_t image) {
    return Number(
        absl::StrCat("SELECT coalesce((SELECT number FROM label_revision WHERE id = truth_revision_id), 0) "
                     "FROM image WHERE id = ",
                     image));
  }

  int64_t Revisions() { return Number("SELECT count(*) FROM label_revision"); }
};

TEST_F(WithdrawTest, AReviewersLabelsAreTakenBackAndTheirImagesServedAgain) {
  const auto withdrawn = Withdraw(AllOf(annotator_));
  ASSERT_TRUE(withdrawn.ok()) << withdrawn.status();
  EXPECT_EQ(withdrawn->revisions(), 3U);
  EXPECT_EQ(withdrawn->images(), 3U);
  EXPECT_EQ(withdrawn->unlabelled_images(), 3U);
  EXPECT_EQ(withdrawn->unlabelled_holdout_images(), 0U);
  EXPECT_EQ(withdrawn->earlier_truths(), 0U);
  EXPECT_EQ(withdrawn->models_size(), 0);
  EXPECT_EQ(Status().pool_labelled(), 0U);
  EXPECT_EQ(Status().class_counts(0).boxes(), 0U);

  const v1::ImageProvenance history = Provenance(2);
  ASSERT_EQ(history.revisions_size(), 2) << "the history keeps what was taken back";
  EXPECT_EQ(history.revisions(0).boxes_size(), 1);
  EXPECT_EQ(history.revisions(1).source(), "withdraw");
  EXPECT_EQ(history.revisions(1).standing(), v1::STANDING_WITHDRAWN);
  EXPECT_EQ(history.revisions(1).based_on(), 1U);
  EXPECT_EQ(history.revisions(1).author(), NameOf(engineer_));
  EXPECT_EQ(Verify().breaks_total(), 0U);

  for (const int64_t image : {1, 2, 3}) {
    const v1::Task task = NextOne(annotator_);
    EXPECT_EQ(task.image().id(), image);
    v1::SubmitRequest correction = CorrectionOf(task);
    AddBox(correction, 2, 2, 9, 9);
    EXPECT_EQ(Submit(annotator_, correction)->standing(), v1::STANDING_TRUTH);
    EXPECT_EQ(Truth(image), 3);
  }
  EXPECT_EQ(Verify().breaks_total(), 0U);
}

TEST_F(WithdrawTest, AnImageGoesBackToItsNewestLabelThatStands) {
  AnswerAgain(engineer_, 1);  // revision 2
  AnswerAgain(engineer_, 1);  // 3
  AnswerAgain(engineer_, 2);
  AnswerAgain(annotator_, 3);  // his own, again
  const auto engineers = Withdraw(AllOf(engineer_));
  ASSERT_TRUE(engineers.ok()) << engineers.status();
  EXPECT_EQ(engineers->revisions(), 3U);
  EXPECT_EQ(engineers->earlier_truths(), 2U);
  EXPECT_EQ(engineers->unlabelled_images(), 0U);
  EXPECT_EQ(Truth(1), 1);
  EXPECT_EQ(Truth(2), 1);
  EXPECT_EQ(Truth(3), 2);
  EXPECT_EQ(Verify().breaks_total(), 0U);
  AnswerAgain(engineer_, 2);
  const auto annotators = Withdraw(AllOf(annotator_));
  EXPECT_EQ(annotators->revisions(), 4U) << "also where it isn't the truth any more";
  EXPECT_EQ(annotators->unlabelled_images(), 2U);
  EXPECT_EQ(Truth(1), 0);
  EXPECT_GT(Truth(2), 1) << "somebody else confirmed it";
  EXPECT_EQ(Withdraw(AllOf(engineer_))->unlabelled_images(), 1U);
  EXPECT_EQ(Truth(2), 0) << "what was withdrawn before doesn't come back";
  EXPECT_EQ(Withdraw(AllOf(engineer_))->revisions(), 0U) << "nothing is withdrawn twice";
  EXPECT_EQ(Verify().breaks_total(), 0U);
}

TEST_F(WithdrawTest, AModelsAcceptances) {
  AnswerAgain(engineer_, 2);  // the accepted box is in this one, too
  v1::WithdrawRequest request;
  request.set_model("1");
  const auto withdrawn = Withdraw(request);
  ASSERT_TRUE(withdrawn.ok()) << withdrawn.status();
  EXPECT_EQ(withdrawn->images(), 1U) << "a drawn and a moved box aren't accepted";
  EXPECT_EQ(withdrawn->revisions(), 2U);
  EXPECT_EQ(Truth(2), 0);
  EXPECT_EQ(Truth(3), 1);
}

TEST_F(WithdrawTest, StatusTellsWhatBecameOfShownBoxesInAnswersThatStand) {
  ASSERT_EQ(Status().boxes_dropped(), 4U);  // both boxes of image 1, and one each of the others
  AnswerAgain(annotator_, 1);
  EXPECT_EQ(Status().boxes_dropped(), 4U) << "also once the answer was corrected";
  v1::WithdrawRequest request;
  request.set_model("1");
  ASSERT_EQ(Withdraw(request)->images(), 1U);
  EXPECT_EQ(Status().boxes_dropped(), 3U);
}

TEST_F(WithdrawTest, ASpanOfTime) {
  const auto second = coordinator_.database()
                          .Sql(
                              "SELECT extract(epoch FROM created_at)::text FROM label_revision "
                              "WHERE image_id = 2")
                          .at(0)[0]
                          .as<double>();
  v1::WithdrawRequest request;
  const auto set = [](double seconds, google::protobuf::Timestamp& time) {
    time.set_seconds(static_cast<int64_t>(seconds));
    time.set_nanos(static_cast<int32_t>((seconds - static_cast<double>(time.seconds())) * 1e6) * 1000);
  };
  set(second - 0.00001, *request.mutable_from());
  set(second + 0.00001, *request.mutable_to());
  const auto withdrawn = Withdraw(request);
  ASSERT_TRUE(withdrawn.ok()) << withdrawn.status();
  EXPECT_EQ(withdrawn->images(), 1U);
  EXPECT_EQ(Truth(2), 0);
}

TEST_F(WithdrawTest, ADryRunSaysTheSameAndChangesNothing) {
  v1::WithdrawRequest request = AllOf(annotator_);
  request.set_dry_run(true);
  const int64_t before = Revisions();
  const auto dry = Withdraw(request);
  ASSERT_TRUE(dry.ok()) << dry.status();
  EXPECT_EQ(Revisions(), before);
  EXPECT_EQ(Truth(1), 1);
  request.set_dry_run(false);
  auto withdrawn = Withdraw(request);
  EXPECT_GT(withdrawn->withdrawal(), 0);
  withdrawn->clear_withdrawal();
  EXPECT_EQ(dry->SerializeAsString(), withdrawn->SerializeAsString());
  EXPECT_EQ(Revisions(), before + 3);
}

TEST_F(WithdrawTest, ARepeatedRequestHasItsEffectOnce) {
  v1::WithdrawRequest request = AllOf(annotator_);
  request.set_request_id(NextRequestId());
  const auto first = Rpc(*stub_, &Labeling::Withdraw, engineer_, request);
  const auto again = Rpc(*stub_, &Labeling::Withdraw, engineer_, request);
  ASSERT_TRUE(first.ok() && again.ok()) << again.status();
  EXPECT_EQ(first->SerializeAsString(), again->SerializeAsString());
  EXPECT_EQ(Revisions(), 6);
}

TEST_F(WithdrawTest, WhatNamesNothingIsRefused) {
  EXPECT_EQ(Withdraw({}).status().code(), absl::StatusCode::kInvalidArgument);
  v1::WithdrawRequest request;
  request.set_reviewer("nobody");
  EXPECT_EQ(ErrorReason(Withdraw(request).status()), "NO_SUCH_REVIEWER");
  request.clear_reviewer();
  request.set_model("7");
  EXPECT_EQ(ErrorReason(Withdraw(request).status()), "NO_SUCH_MODEL");
  request.clear_model();
  request.mutable_from()->set_seconds(20);
  request.mutable_to()->set_seconds(20);
  EXPECT_EQ(Withdraw(request).status().code(), absl::StatusCode::kInvalidArgument);
  request.mutable_to()->set_seconds(int64_t{1} << 60);
  EXPECT_EQ(Withdraw(request).status().code(), absl::StatusCode::kInvalidArgument);
  request.set_request_id(NextRequestId());
  EXPECT_EQ(Rpc(*stub_, &Labeling::Withdraw, annotator_, request).status().code(),
            absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Revisions(), 3);
}

TEST_F(WithdrawTest, AnAnswerToWhatWasWithdrawnIsKeptBesideTheTruth) {
  const v1::Task task = *Reopen(annotator_, 1);
  ASSERT_TRUE(Withdraw(AllOf(annotator_)).ok());
  EXPECT_EQ(Submit(annotator_, CorrectionOf(task))->standing(), v1::STANDING_LATE);
  EXPECT_EQ(Truth(1), 0);
  EXPECT_EQ(Verify().breaks_total(), 0U);
}

TEST_F(WithdrawTest, ImagesWithoutALabelAreNotAskedAboutClasses) {
  const auto projects = v1::ProjectService::NewStub(coordinator_.channel());
  v1::AddClassRequest added;
  added.set_request_id(NextRequestId());
  added.set_name("burr");
  ASSERT_TRUE(Rpc(*projects, &v1::ProjectService::Stub::AddClass, engineer_, added).ok());
  AnswerAgain(engineer_, 1);  // looked at for the class
  const std::string open = "SELECT count(*) FROM task_request WHERE state = 'open'";
  ASSERT_EQ(Number(open), 2);
  ASSERT_TRUE(Withdraw(AllOf(engineer_)).ok());
  EXPECT_EQ(Number(open), 3) << "the truth of image 1 doesn't know the class again";
  const auto all = Withdraw(AllOf(annotator_));
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(Number(open), 0);
  ASSERT_TRUE(Undo(all->withdrawal()).ok());
  EXPECT_EQ(Number(open), 3);
  ASSERT_TRUE(Withdraw(AllOf(annotator_)).ok());
  EXPECT_EQ(NextOne(annotator_).image().id(), 1);
}

TEST_F(WithdrawTest, WhatWasWithdrawnComesBack) {
  AnswerAgain(engineer_, 2);  // revision 2
  const auto engineers = Withdraw(AllOf(engineer_));
  const auto annotators = Withdraw(AllOf(annotator_));
  ASSERT_EQ(Status().pool_labelled(), 0U);
  const int64_t before = Revisions();
  const auto dry = Undo(annotators->withdrawal(), true);
  ASSERT_TRUE(dry.ok()) << dry.status();
  EXPECT_EQ(dry->revisions(), 3U);
  EXPECT_EQ(dry->images(), 3U);
  EXPECT_EQ(dry->labelled_images(), 3U);
  EXPECT_EQ(dry->replaced_truths(), 0U);
  EXPECT_EQ(Revisions(), before);

  EXPECT_EQ(Undo(annotators->withdrawal())->SerializeAsString(), dry->SerializeAsString());
  EXPECT_EQ(Status().pool_labelled(), 3U);
  EXPECT_EQ(NextOne(annotator_).image().id(), 4) << "they left the queue";
  EXPECT_EQ(Truth(2), 1) << "what the engineer's withdrawal took is still withdrawn";
  const v1::ImageProvenance history = Provenance(2);
  const v1::Revision& last = *history.revisions().rbegin();
  EXPECT_EQ(last.source(), "restore");
  EXPECT_EQ(last.standing(), v1::STANDING_RESTORED);
  EXPECT_EQ(last.based_on(), 1U);
  EXPECT_EQ(last.withdrawal(), annotators->withdrawal());
  EXPECT_EQ(last.boxes_size(), 0);
  EXPECT_EQ(Undo(engineers->withdrawal())->replaced_truths(), 1U);
  EXPECT_EQ(Truth(2), 2);
  EXPECT_EQ(Verify().breaks_total(), 0U);
  EXPECT_EQ(CountsThatDiffer(), 0);
}

TEST_F(WithdrawTest, ANewerAnswerStaysTheTruthWhenAWithdrawalIsUndone) {
  const auto withdrawn = Withdraw(AllOf(annotator_));
  const v1::Task answered = NextOne(engineer_);
  const v1::Task open = NextOne(engineer_);
  ASSERT_EQ(Submit(engineer_, CorrectionOf(answered))->standing(), v1::STANDING_TRUTH);
  const auto undone = Undo(withdrawn->withdrawal());
  ASSERT_TRUE(undone.ok()) << undone.status();
  EXPECT_EQ(undone->revisions(), 3U);
  EXPECT_EQ(undone->labelled_images(), 2U);
  EXPECT_EQ(undone->replaced_truths(), 0U);
  EXPECT_EQ(Truth(answered.image().id()), 3);
  EXPECT_EQ(Submit(engineer_, CorrectionOf(open))->standing(), v1::STANDING_LATE)
      << "the image has a truth again";
  EXPECT_EQ(Truth(open.image().id()), 1);
  ASSERT_EQ(Withdraw(AllOf(engineer_))->earlier_truths(), 1U);
  EXPECT_EQ(Truth(answered.image().id()), 1) << "it stands again";
  EXPECT_EQ(Verify().breaks_total(), 0U);
}

TEST_F(WithdrawTest, ALabelCanBeWithdrawnAgainOnceThatWasUndone) {
  const int64_t first = Withdraw(AllOf(annotator_))->withdrawal();
  ASSERT_TRUE(Undo(first).ok());
  EXPECT_EQ(ErrorReason(Undo(first).status()), "WITHDRAWAL_UNDONE");
  EXPECT_EQ(ErrorReason(Undo(first, true).status()), "WITHDRAWAL_UNDONE");
  const auto second = Withdraw(AllOf(annotator_));
  EXPECT_EQ(second->revisions(), 3U);
  EXPECT_EQ(ErrorReason(Undo(first).status()), "WITHDRAWAL_UNDONE") << "it doesn't undo the second one";
  EXPECT_EQ(Truth(1), 0);
  ASSERT_EQ(Undo(second->withdrawal())->labelled_images(), 3U);
  EXPECT_EQ(Truth(1), 1);
  EXPECT_EQ(Verify().breaks_total(), 0U);

  v1::ListWithdrawalsRequest request;
  request.set_page_size(1);
  const auto newest = Rpc(*stub_, &Labeling::ListWithdrawals, engineer_, request);
  ASSERT_TRUE(newest.ok()) << newest.status();
  ASSERT_EQ(newest->withdrawals_size(), 1);
  EXPECT_EQ(newest->withdrawals(0).withdrawal(), second->withdrawal());
  request.set_page_token(newest->next_page_token());
  const auto oldest = Rpc(*stub_, &Labeling::ListWithdrawals, engineer_, request);
  ASSERT_EQ(oldest->withdrawals_size(), 1);
  EXPECT_EQ(oldest->next_page_token(), "");
  const v1::Withdrawal& one = oldest->withdrawals(0);
  EXPECT_EQ(one.withdrawal(), first);
  EXPECT_EQ(one.reviewer(), NameOf(annotator_));
  EXPECT_EQ(one.withdrawn_by(), NameOf(engineer_));
  EXPECT_EQ(one.undone_by(), NameOf(engineer_));
  EXPECT_EQ(one.revisions(), 3U);
  EXPECT_EQ(one.images(), 3U);
  EXPECT_FALSE(one.has_from());
}

TEST_F(WithdrawTest, WithdrawalsThatTheProjectDoesNotHaveAreNotFound) {
  const int64_t withdrawal = Withdraw(AllOf(annotator_))->withdrawal();
  MakeProject(coordinator_.channel(), engineer_, "other", 0);
  EXPECT_EQ(ErrorReason(Undo(withdrawal, false, "other").status()), "NO_SUCH_WITHDRAWAL");
  for (const int64_t id : {int64_t{0}, int64_t{-1}, int64_t{1} << 60}) {
    EXPECT_EQ(ErrorReason(Undo(id).status()), "NO_SUCH_WITHDRAWAL");
  }
  v1::UndoWithdrawalRequest request;
  request.set_request_id(NextRequestId());
  request.set_project("parts");
  request.set_withdrawal(withdrawal);
  EXPECT_EQ(ErrorReason(Rpc(*stub_, &Labeling::UndoWithdrawal, annotator_, request).status()), "WRONG_ROLE");
  const auto first = Rpc(*stub_, &Labeling::UndoWithdrawal, engineer_, request);
  const auto again = Rpc(*stub_, &Labeling::UndoWithdrawal, engineer_, request);
  ASSERT_TRUE(first.ok() && again.ok()) << again.status();
  EXPECT_EQ(first->SerializeAsString(), again->SerializeAsString()) << "a repeated request";
}

TEST_F(WithdrawTest, EverythingOfAProjectIsTakenBackAndGivenBack) {
  AnswerAgain(engineer_, 1);
  v1::ImportStart start;
  start.set_request_id(NextRequestId());
  std::vector<TestPicture> pictures = PlainPictures(1, 3);
  pictures[0].labels.emplace();
  ASSERT_TRUE(ImportPictures(coordinator_.channel(), engineer_, start, pictures).ok());
  v1::WithdrawRequest request;
  request.mutable_from()->set_seconds(0);
  const auto withdrawn = Withdraw(request);
  ASSERT_TRUE(withdrawn.ok()) << withdrawn.status();
  EXPECT_EQ(withdrawn->revisions(), 5U);
  EXPECT_EQ(withdrawn->unlabelled_images(), 4U);
  EXPECT_EQ(Status().pool_labelled(), 0U);
  const auto rounds = v1::RoundService::NewStub(coordinator_.channel());
  v1::SubmitRoundRequest round;
  round.set_request_id(NextRequestId());
  EXPECT_EQ(ErrorReason(Rpc(*rounds, &v1::RoundService::Stub::SubmitRound, engineer_, round).status()),
            "NO_LABELS");
  EXPECT_EQ(Withdraw(request)->withdrawal(), 0) << "nothing is left";
  EXPECT_EQ(CountsThatDiffer(), 0);
  EXPECT_EQ(Undo(withdrawn->withdrawal())->labelled_images(), 4U);
  EXPECT_EQ(Truth(1), 2);
  EXPECT_EQ(CountsThatDiffer(), 0);
  EXPECT_EQ(Verify().breaks_total(), 0U);
}

TEST_F(WithdrawTest, OfTwoAtOnceOneTakesBackAndOfTwoAtOnceOneUndoes) {
  const auto at_once = [](auto act) {
    std::thread other(act);
    act();
    other.join();
  };
  const v1::WithdrawRequest request = AllOf(annotator_);
  std::mutex mutex;
  uint64_t revisions = 0;
  int64_t withdrawal = 0;
  at_once([&] {
    const auto withdrawn = Withdraw(request);
    const std::lock_guard lock(mutex);
    ASSERT_TRUE(withdrawn.ok()) << withdrawn.status();
    revisions += withdrawn->revisions();
    withdrawal = std::max(withdrawal, withdrawn->withdrawal());
  });
  EXPECT_EQ(revisions, 3U);
  EXPECT_EQ(Number("SELECT count(*) FROM withdrawal"), 1);
  int undone = 0;
  at_once([&] {
    const auto answer = Undo(withdrawal);
    const std::lock_guard lock(mutex);
    if (answer.ok())
      ++undone;
    else
      EXPECT_EQ(ErrorReason(answer.status()), "WITHDRAWAL_UNDONE");
  });
  EXPECT_EQ(undone, 1);
  EXPECT_EQ(Revisions(), 9);
  EXPECT_EQ(Verify().breaks_total(), 0U);
}

TEST_F(WithdrawTest, AnImageThatWasRemovedIsNotRestored) {
  const int64_t withdrawal = Withdraw(AllOf(annotator_))->withdrawal();
  const auto images = v1::ImageService::NewStub(coordinator_.channel());
  v1::RemoveImageRequest removed;
  removed.set_request_id(NextRequestId());
  removed.set_image_id(2);
  removed.set_reason("a person");
  ASSERT_TRUE(Rpc(*images, &v1::ImageService::Stub::RemoveImage, engineer_, removed).ok());
  EXPECT_EQ(Undo(withdrawal)->revisions(), 2U);
  EXPECT_EQ(Truth(2), 0);
  EXPECT_EQ(CountsThatDiffer(), 0);
}

TEST_F(WithdrawTest, ARevisionThatRestoresWhatStandsIsABreak) {
  ASSERT_TRUE(Undo(Withdraw(AllOf(annotator_))->withdrawal()).ok());
  coordinator_.database().Sql(
      "SELECT restore_labels(1, 1, ARRAY[(SELECT id FROM label_revision WHERE image_id = 1 AND number = 1)], "
      "1)");
  const v1::VerifyHistoryResponse checked = Verify();
  ASSERT_EQ(checked.breaks_total(), 1U);
  EXPECT_THAT(checked.breaks(0), testing::HasSubstr("revision 4: restores what was not withdrawn"));
}

TEST_F(WithdrawTest, WhatLearnedFromWithdrawnLabelsIsMarked) {
  SubmitRound();
  // Its model, and one that begins with that model's weights.
  coordinator_.database().Sql(R"(
      BEGIN;
      UPDATE model SET round_id = 1 WHERE id = 1;
      UPDATE round SET model_id = 1, state = 'done', ended_at = now() WHERE id = 1;
      INSERT INTO model (project_id, number, name, preset, state, weights_sha256, weights_bytes, parent_id)
      VALUES (1, 2, 'later', 'small', 'candidate', sha256('later'), 7, 1);
      COMMIT)");
  v1::WithdrawRequest request;
  request.set_model("1");
  const auto withdrawn = Withdraw(request);
  ASSERT_TRUE(withdrawn.ok()) << withdrawn.status();
  ASSERT_EQ(withdrawn->models_size(), 2);
  EXPECT_EQ(withdrawn->models(0).model(), 1U);
  EXPECT_EQ(withdrawn->models(0).labels(), 1U);
  EXPECT_EQ(withdrawn->models(1).model(), 2U);

  const auto models = v1::ModelService::NewStub(coordinator_.channel());
  for (const char* model : {"1", "2"}) {
    v1::GetModelRequest asked;
    asked.set_model(model);
    EXPECT_EQ(Rpc(*models, &v1::ModelService::Stub::GetModel, engineer_, asked)->withdrawn_labels(), 1U);
  }
  const auto listed = Rpc(*models, &v1::ModelService::Stub::ListModels, engineer_, v1::ListModelsRequest());
  EXPECT_EQ(listed->models(0).withdrawn_labels(), 1U);
  const auto insight = v1::InsightService::NewStub(coordinator_.channel());
  auto curve = Rpc(*insight, &v1::InsightService::Stub::GetCurve, engineer_, v1::GetCurveRequest());
  ASSERT_TRUE(curve.ok()) << curve.status();
  ASSERT_EQ(curve->points_size(), 1);
  EXPECT_EQ(curve->points(0).withdrawn_labels(), 1U);

  const auto undone = Undo(withdrawn->withdrawal());
  ASSERT_TRUE(undone.ok()) << undone.status();
  EXPECT_EQ(undone->models_size(), 2);
  for (const char* model : {"1", "2"}) {
    v1::GetModelRequest asked;
    asked.set_model(model);
    EXPECT_EQ(Rpc(*models, &v1::ModelService::Stub::GetModel, engineer_, asked)->withdrawn_labels(), 0U);
  }
  curve = Rpc(*insight, &v1::InsightService::Stub::GetCurve, engineer_, v1::GetCurveRequest());
  EXPECT_EQ(curve->points(0).withdrawn_labels(), 0U);
}

}  // namespace
}  // namespace loupe
