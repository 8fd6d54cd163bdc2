// Alarms about reviewers and what they do, pauses, and answers shown against blind ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "proto/error_info.h"
#include "tests/server/labeling/planted_fixture.h"

namespace loupe {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ReviewersTest : public PlantedTest {
 protected:
  absl::Status Pause(const std::string& token, const std::string& reviewer, const std::string& reason) {
    v1::PauseReviewerRequest request;
    request.set_request_id(NextRequestId());
    request.set_reviewer(reviewer);
    request.set_reason(reason);
    return Rpc(*stub_, &Labeling::PauseReviewer, token, request).status();
  }

  absl::Status Resume(const std::string& reviewer) {
    v1::ResumeReviewerRequest request;
    request.set_request_id(NextRequestId());
    request.set_reviewer(reviewer);
    return Rpc(*stub_, &Labeling::ResumeReviewer, engineer_, request).status();
  }

  std::string NameOf(int64_t principal) {
    return coordinator_.database()
        .Sql(absl::StrCat("SELECT name FROM principal WHERE id = ", principal))
        .at(0)[0]
        .as<std::string>();
  }

  // Whoever answered last.
  std::string LastReviewer() {
    return NameOf(Number("SELECT principal_id FROM answer ORDER BY revision_id DESC LIMIT 1"));
  }

  v1::ReviewerQuality QualityOf(const std::string& reviewer) {
    const v1::LabelQuality quality = Quality();
    for (const v1::ReviewerQuality& one : quality.reviewers()) {
      if (one.reviewer() == reviewer) return one;
    }
    return {};
  }

  // Until the watch has judged the work that was done.
  void AwaitJudgement(int count) {
    for (const absl::Time end = absl::Now() + absl::Seconds(40); absl::Now() < end;) {
      if (Number("SELECT count(*) FROM reviewer_judged") >= count) return;
      absl::SleepFor(absl::Milliseconds(100));
    }
    FAIL() << "nobody was judged";
  }

  // The random slice of the model's ranking: every second image is blind.
  void MakeRandomSlice() {
    Sql("UPDATE ranking_entry SET slice = 'random', probability = 0.5, blind = position % 2 = 1");
  }
};

TEST_F(ReviewersTest, WhoIsPausedIsToldWhyAndOthersGoOn) {
  const v1::Task open = NextOne(annotator_);
  ASSERT_TRUE(Submit(annotator_, AcceptAll(NextOne(annotator_))).ok());
  const std::string name = LastReviewer();
  ASSERT_TRUE(Pause(engineer_, name, "boxes are too large").ok());
  const auto refused = Next(annotator_, 1);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrorReason(refused.status()), "REVIEWER_PAUSED");
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("boxes are too large"));
  EXPECT_TRUE(Submit(annotator_, AcceptAll(open)).ok()) << "what was begun can be finished";
  EXPECT_TRUE(Next(coordinator_.Token(v1::ANNOTATOR), 1).ok());
  EXPECT_EQ(QualityOf(name).pause().reason(), "boxes are too large");
  EXPECT_FALSE(QualityOf(name).pause().paused_by().empty());
  ASSERT_TRUE(Resume(name).ok());
  EXPECT_TRUE(Next(annotator_, 1).ok());
  EXPECT_EQ(ErrorReason(Resume(name)), "NOT_PAUSED");
}

TEST_F(ReviewersTest, ABadPauseChangesNothing) {
  ASSERT_TRUE(Submit(annotator_, AcceptAll(NextOne(annotator_))).ok());
  const std::string name = LastReviewer();
  EXPECT_EQ(Pause(engineer_, name, "").code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Pause(engineer_, name, std::string(1001, 'x')).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(ErrorReason(Pause(engineer_, "nobody", "why")), "NO_SUCH_REVIEWER");
  EXPECT_EQ(Pause(annotator_, name, "why").code(), absl::StatusCode::kPermissionDenied);
  EXPECT_EQ(Number("SELECT count(*) FROM reviewer_pause"), 0);
}

TEST_F(ReviewersTest, AnAlarmGivesTheAnswersToSomebodyElseOnceAWindow) {
  AnswerOrdinaryOnes();
  const std::string name = LastReviewer();
  SetQuality([](v1::SetQualityControlRequest& set) { set.set_pause_on_alarm(true); });
  SetShare(1);
  for (int i = 0; i < 12; ++i) ASSERT_TRUE(Submit(annotator_, AcceptAll(NextPlanted())).ok());
  AwaitJudgement(1);
  const v1::ReviewerQuality judged = QualityOf(name);
  ASSERT_THAT(judged.past_alarms(), SizeIs(1));
  EXPECT_EQ(judged.past_alarms(0).kind(), v1::ReviewerAlarm::PLANTED_ERRORS_KEPT);
  EXPECT_EQ(judged.past_alarms(0).value(), 0);
  EXPECT_EQ(judged.past_alarms(0).reviews(), 20U) << "all of the person's answers that are the truth";
  EXPECT_TRUE(judged.pause().paused_by().empty()) << "nobody but the alarm";
  EXPECT_EQ(ErrorReason(Next(annotator_, 1).status()), "REVIEWER_PAUSED");
  SetShare(0);
  const v1::Task review = NextOne(coordinator_.Token(v1::ANNOTATOR));
  EXPECT_GT(review.boxes_size(), 0) << "the truth, to be corrected";
  EXPECT_EQ(
      Number(absl::StrCat("SELECT count(*) FROM task WHERE kind = 'review' AND id = ", review.task_id())), 1);

  // A part of the next window changes nothing, whatever it says.
  SetShare(1);
  ASSERT_TRUE(Resume(name).ok());
  Sql("UPDATE task_request SET state = 'cancelled', ended_at = now() WHERE state = 'open'");
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Submit(annotator_, AcceptAll(NextPlanted())).ok());
  absl::SleepFor(absl::Seconds(11));
  EXPECT_THAT(QualityOf(name).past_alarms(), SizeIs(1));
  EXPECT_FALSE(QualityOf(name).has_pause());
}

TEST_F(ReviewersTest, ACarefulReviewerIsJudgedWithoutAlarm) {
  AnswerOrdinaryOnes();
  SetShare(1);
  for (int i = 0; i < 12; ++i) {
    v1::SubmitRequest right = CorrectionOf(NextPlanted());
    AddBox(right, 2, 2, 12, 12, 1);
    AddBox(right, 22, 6, 32, 16, 2);
    ASSERT_TRUE(Submit(annotator_, right).ok());
  }
  AwaitJudgement(1);
  EXPECT_THAT(QualityOf(LastReviewer()).past_alarms(), IsEmpty());
  EXPECT_EQ(Number("SELECT count(*) FROM task_request"), 0);
}

// The model predicts (1,1,11,11) of class 1 and (20,5,30,15) of class 2; the truth is only the first, and
// (2,20,8,28) of class 2, which isn't predicted.
TEST_F(ReviewersTest, ShownIsComparedWithBlind) {
  MakeRandomSlice();
  for (int i = 0; i < 80; ++i) {
    const v1::Task task = NextOne(annotator_);
    v1::SubmitRequest correction = CorrectionOf(task);
    if (task.blind()) {
      AddBox(correction, 1, 1, 11, 10, 1);
      AddBox(correction, 2, 20, 8, 28, 2);
    } else {
      correction = AcceptAll(task);
    }
    correction.set_spent_ms(task.blind() ? 9000 : 300);
    ASSERT_TRUE(Submit(annotator_, correction).ok());
  }
  const v1::ReviewerQuality quality = QualityOf(LastReviewer());
  EXPECT_EQ(quality.shown_images(), 40U);
  EXPECT_EQ(quality.blind_images(), 40U);
  const v1::ShownAgainstBlind& compared = quality.shown_against_blind();
  EXPECT_DOUBLE_EQ(compared.misses().value(), 0.5) << "one of two boxes is missing when boxes are shown";
  EXPECT_DOUBLE_EQ(compared.kept().value(), 0.5) << "both of two are kept, and one when blind";
  EXPECT_NEAR(compared.placement().value(), 0.1, 1e-6) << "where it was shown; blind with an IoU of 0.9";
  EXPECT_EQ(quality.timed_answers(), 40U);
  EXPECT_DOUBLE_EQ(quality.seconds_a_box().value(), 0.15);
  std::vector<v1::ReviewerAlarm::Kind> kinds;
  for (const v1::ReviewerAlarm& alarm : quality.alarms()) kinds.push_back(alarm.kind());
  EXPECT_THAT(kinds, testing::UnorderedElementsAre(v1::ReviewerAlarm::MISSES_WHEN_SHOWN,
                                                   v1::ReviewerAlarm::ACCEPTS_TOO_MUCH,
                                                   v1::ReviewerAlarm::NOT_LOOKED_AT));
}

}  // namespace
}  // namespace loupe
