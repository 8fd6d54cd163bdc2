// A second look at a labelled image, by somebody who doesn't see what the first one drew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "proto/error_info.h"
#include "tests/server/labeling/labeling_fixture.h"

namespace loupe {
namespace {

using testing::IsEmpty;

class SecondLookTest : public AnsweredTest {
 protected:
  absl::StatusOr<v1::SecondLook> Ask(const std::string& token, int64_t image) {
    v1::RequestSecondLookRequest request;
    request.set_request_id(NextRequestId());
    request.set_image_id(image);
    return Rpc(*stub_, &Labeling::RequestSecondLook, token, request);
  }

  void AskFor(int64_t image) {
    const auto asked = Ask(engineer_, image);
    ASSERT_TRUE(asked.ok()) << asked.status();
    EXPECT_FALSE(asked->asked_before());
  }

  int64_t Open() {
    return Number("SELECT count(*) FROM task_request WHERE kind = 'review' AND state = 'open'");
  }

  // The next task of this person is no second look.
  void ExpectNone(const std::string& token) {
    const auto tasks = Next(token, 5);
    ASSERT_TRUE(tasks.ok()) << tasks.status();
    for (const v1::Task& task : *tasks) EXPECT_GT(task.image().id(), 3) << "those before have a truth";
  }

  const std::string other_ = coordinator_.Token(v1::ANNOTATOR);
};

TEST_F(SecondLookTest, SomebodyElseLooksBlindAndTheAnswerIsTheTruth) {
  AskFor(2);
  ExpectNone(annotator_);
  ExpectNone(engineer_);
  LetLeasesEnd();
  const v1::Task task = NextOne(other_);
  EXPECT_EQ(task.image().id(), 2);
  EXPECT_TRUE(task.blind());
  EXPECT_THAT(task.boxes(), IsEmpty());
  EXPECT_THAT(task.predictions(), IsEmpty());
  EXPECT_THAT(task.new_classes(), IsEmpty());
  EXPECT_EQ(task.note(), "");
  EXPECT_EQ(task.image().revisions(), 0U);
  EXPECT_FALSE(task.image().labelled());
  EXPECT_EQ(task.kind(), v1::TASK_KIND_UNSPECIFIED);
  EXPECT_EQ(task.reason().generation(), 1U) << "it looks like any other task";

  v1::SubmitRequest correction = CorrectionOf(task);
  AddBox(correction, 2, 2, 9, 9, 2);
  const auto taken = Submit(other_, correction);
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken->standing(), v1::STANDING_TRUTH);
  EXPECT_EQ(taken->drawn(), 1U);
  EXPECT_EQ(taken->removed(), 0U) << "it corrects nothing that was seen";
  const v1::ImageProvenance history = Provenance(2);
  ASSERT_EQ(history.revisions_size(), 2);
  EXPECT_TRUE(history.revisions(1).blind());
  EXPECT_EQ(Open(), 0);
  EXPECT_EQ(Verify().breaks_total(), 0U);
}

TEST_F(SecondLookTest, IsAskedForOnce) {
  AskFor(1);
  const std::string second = coordinator_.Token(v1::ENGINEER);
  const auto again = Ask(second, 1);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->asked_before());
  EXPECT_EQ(Open(), 1);
  const v1::Task task = NextOne(second);
  EXPECT_EQ(task.image().id(), 1) << "who asked in vain may answer";
  EXPECT_EQ(task.kind(), v1::REVIEW);
  ASSERT_TRUE(Submit(second, CorrectionOf(task)).ok());
  AskFor(1);
  ExpectNone(second);
}

TEST_F(SecondLookTest, ARepeatedRequestHasItsFirstAnswer) {
  v1::RequestSecondLookRequest request;
  request.set_request_id(NextRequestId());
  request.set_image_id(1);
  for (int i = 0; i < 2; ++i) {
    const auto asked = Rpc(*stub_, &Labeling::RequestSecondLook, engineer_, request);
    ASSERT_TRUE(asked.ok()) << asked.status();
    EXPECT_FALSE(asked->asked_before());
  }
}

TEST_F(SecondLookTest, NeedsAnUsableImageWithATruth) {
  EXPECT_EQ(ErrorReason(Ask(engineer_, 4).status()), "NOT_LABELLED");
  EXPECT_EQ(ErrorReason(Ask(engineer_, 99).status()), "NO_SUCH_IMAGE");
  EXPECT_TRUE(absl::IsPermissionDenied(Ask(annotator_, 1).status()));
  coordinator_.database().Sql("UPDATE image SET state = 'excluded', state_reason = 'blurred' WHERE id = 1");
  EXPECT_EQ(ErrorReason(Ask(engineer_, 1).status()), "IMAGE_NOT_USABLE");
  EXPECT_EQ(Open(), 0);
}

TEST_F(SecondLookTest, WhatIsSkippedReleasedOrExpiredIsServedAgain) {
  AskFor(3);
  const std::string third = coordinator_.Token(v1::ANNOTATOR);
  const v1::Task skipped = NextOne(other_);
  ASSERT_EQ(skipped.image().id(), 3);
  ASSERT_TRUE(Rpc(*stub_, &Labeling::Skip, other_, SkipOf(skipped)).ok());
  ExpectNone(other_);
  LetLeasesEnd();
  const v1::Task released = NextOne(third);
  ASSERT_EQ(released.image().id(), 3);
  ASSERT_TRUE(Rpc(*stub_, &Labeling::Release, third, ReleaseOf({released})).ok());
  ASSERT_EQ(NextOne(third).image().id(), 3);
  LetLeasesEnd();
  ASSERT_EQ(NextOne(third).image().id(), 3);
}

TEST_F(SecondLookTest, AnAnswerThatComesAfterACorrectionIsKeptBesideTheTruth) {
  AskFor(1);
  const v1::Task look = NextOne(other_);
  ASSERT_EQ(look.image().id(), 1);
  LetLeasesEnd();
  const auto reopened = Reopen(annotator_, 1);
  ASSERT_TRUE(reopened.ok()) << reopened.status();
  ASSERT_TRUE(Submit(annotator_, Unchanged(*reopened)).ok());
  const auto late = Submit(other_, CorrectionOf(look));
  ASSERT_TRUE(late.ok()) << late.status();
  EXPECT_EQ(late->standing(), v1::STANDING_LATE);
  EXPECT_EQ(Open(), 1) << "nobody has looked at what is the truth now";
}

TEST_F(SecondLookTest, EndsWhenTheTruthIsTakenBack) {
  AskFor(1);
  AskFor(2);
  v1::WithdrawRequest withdraw;
  withdraw.set_request_id(NextRequestId());
  const auto names = coordinator_.database().Sql(
      "SELECT DISTINCT principal.name FROM label_revision JOIN principal ON principal.id = author_id");
  ASSERT_EQ(names.size(), 1U);
  withdraw.set_reviewer(names[0][0].as<std::string>());
  ASSERT_TRUE(Rpc(*stub_, &Labeling::Withdraw, engineer_, withdraw).ok());
  EXPECT_EQ(Open(), 0);
}

}  // namespace
}  // namespace loupe
