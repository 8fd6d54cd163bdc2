// Counts of labels, against what was done, and against the views that count one by one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <pqxx/connection>
#include <pqxx/transaction>

#include "loupe/v1/image.grpc.pb.h"
#include "proto/error_info.h"
#include "tests/server/labeling/labeling_fixture.h"

namespace loupe {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

class LabelStatsTest : public AnsweredTest {
 protected:
  absl::StatusOr<v1::LabelStats> Ask(const v1::GetLabelStatsRequest& request) {
    return Rpc(*provenance_, &v1::ProvenanceService::Stub::GetLabelStats, engineer_, request);
  }

  v1::LabelStats Stats() {
    auto stats = Ask({});
    EXPECT_TRUE(stats.ok()) << stats.status();
    if (!stats.ok()) return {};
    stats->clear_computed_at();
    return *std::move(stats);
  }

  void ChangeState(const std::string& method, int64_t image) {
    const auto images = v1::ImageService::NewStub(coordinator_.channel());
    const auto call = [&](auto rpc, auto request) {
      request.set_request_id(NextRequestId());
      request.set_image_id(image);
      if constexpr (requires { request.set_reason("x"); }) request.set_reason("x");
      ASSERT_TRUE(Rpc(*images, rpc, engineer_, request).ok());
    };
    if (method == "exclude") call(&v1::ImageService::Stub::ExcludeImage, v1::ExcludeImageRequest());
    if (method == "restore") call(&v1::ImageService::Stub::RestoreImage, v1::RestoreImageRequest());
    if (method == "remove") call(&v1::ImageService::Stub::RemoveImage, v1::RemoveImageRequest());
  }

  // Whether or not sums were stored meanwhile.
  void ExpectNothingDiffers(const std::string& after) {
    EXPECT_EQ(CountsThatDiffer(), 0) << after;
    AddToLabelCounts(2);
    AddToLabelCounts(2);
    EXPECT_EQ(CountsThatDiffer(), 0) << after << ", and sums were stored";
  }

  const std::unique_ptr<v1::ProvenanceService::Stub> provenance_ =
      v1::ProvenanceService::NewStub(coordinator_.channel());
};

MATCHER_P2(Origins, origin, boxes, "") { return arg.origin() == origin && arg.boxes() == uint64_t(boxes); }
MATCHER_P2(Outcomes, outcome, boxes, "") {
  return arg.outcome() == outcome && arg.boxes() == uint64_t(boxes);
}

TEST_F(LabelStatsTest, WhatWasWrittenAndWhatIsTheTruthOfIt) {
  // The engineer confirms the moved box of image 3, in class 2; an import shows that image 4 is clean.
  v1::SubmitRequest again = Unchanged(*Reopen(engineer_, 3));
  again.mutable_boxes(0)->set_label(2);
  again.set_spent_ms(1500);
  ASSERT_TRUE(Submit(engineer_, again).ok());
  v1::ImportStart start;
  start.set_request_id(NextRequestId());
  std::vector<TestPicture> pictures = PlainPictures(1, 3);
  pictures[0].labels.emplace();
  ASSERT_TRUE(ImportPictures(coordinator_.channel(), engineer_, start, pictures).ok());

  const v1::LabelStats stats = Stats();
  const v1::LabelSums& written = stats.total().written();
  EXPECT_EQ(written.blind_answers(), 0U);
  EXPECT_EQ(written.shown_answers(), 4U);
  EXPECT_EQ(written.imports(), 1U);
  EXPECT_GE(written.spent_ms(), 1500U);
  EXPECT_THAT(written.origins(), UnorderedElementsAre(Origins(v1::DRAWN, 1), Origins(v1::ACCEPTED, 1),
                                                      Origins(v1::ADJUSTED, 1), Origins(v1::RELABELLED, 1)));
  EXPECT_THAT(written.outcomes(),
              UnorderedElementsAre(Outcomes(v1::OUTCOME_ACCEPTED, 1), Outcomes(v1::OUTCOME_ADJUSTED, 1),
                                   Outcomes(v1::OUTCOME_DROPPED, 4)));
  const v1::LabelSums& truth = stats.total().truth();
  EXPECT_EQ(truth.shown_answers(), 3U);
  EXPECT_EQ(truth.imports(), 1U);
  EXPECT_THAT(truth.origins(), UnorderedElementsAre(Origins(v1::DRAWN, 1), Origins(v1::ACCEPTED, 1),
                                                    Origins(v1::RELABELLED, 1)));
  EXPECT_THAT(truth.outcomes(),
              UnorderedElementsAre(Outcomes(v1::OUTCOME_ACCEPTED, 1), Outcomes(v1::OUTCOME_DROPPED, 3)))
      << "those of image 3's first answer aren't the truth's any more";

  ASSERT_EQ(stats.reviewers_size(), 2);
  const bool first = stats.reviewers(0).counts().written().imports() == 1;
  const v1::ReviewerStats& engineer = stats.reviewers(first ? 0 : 1);
  const v1::ReviewerStats& annotator = stats.reviewers(first ? 1 : 0);
  EXPECT_EQ(engineer.counts().written().spent_ms(), 1500U);
  EXPECT_THAT(engineer.counts().truth().origins(), ElementsAre(Origins(v1::RELABELLED, 1)));
  EXPECT_EQ(annotator.counts().written().shown_answers(), 3U);
  EXPECT_EQ(annotator.counts().truth().shown_answers(), 2U);
  ASSERT_EQ(stats.classes_size(), 2);
  EXPECT_EQ(stats.classes(1).label(), 2U);
  EXPECT_THAT(stats.classes(1).truth(), ElementsAre(Origins(v1::RELABELLED, 1)));
  EXPECT_THAT(
      stats.classes(0).written(),
      UnorderedElementsAre(Origins(v1::DRAWN, 1), Origins(v1::ACCEPTED, 1), Origins(v1::ADJUSTED, 1)));
  EXPECT_EQ(CountsThatDiffer(), 0);
  AddToLabelCounts(2);
  AddToLabelCounts(2);
  ASSERT_GT(Number("SELECT count(*) FROM label_count"), 0);
  EXPECT_EQ(Stats().SerializeAsString(), stats.SerializeAsString()) << "stored or not";
}

TEST_F(LabelStatsTest, WhateverBecomesOfImagesAndLabels) {
  const auto withdraw = [&](const std::string& model) {
    v1::WithdrawRequest request;
    request.set_request_id(NextRequestId());
    request.set_model(model);
    return Rpc(*stub_, &Labeling::Withdraw, engineer_, request)->withdrawal();
  };
  ExpectNothingDiffers("answers");
  const v1::Task late = *Reopen(engineer_, 2);
  const int64_t withdrawal = withdraw("1");
  ASSERT_GT(withdrawal, 0);
  ExpectNothingDiffers("a withdrawal");
  ASSERT_EQ(Submit(engineer_, Unchanged(late))->standing(), v1::STANDING_LATE);
  ExpectNothingDiffers("a late answer");
  v1::UndoWithdrawalRequest undo;
  undo.set_request_id(NextRequestId());
  undo.set_withdrawal(withdrawal);
  ASSERT_TRUE(Rpc(*stub_, &Labeling::UndoWithdrawal, engineer_, undo).ok());
  ExpectNothingDiffers("undoing it");
  ASSERT_TRUE(Submit(engineer_, Unchanged(*Reopen(engineer_, 1))).ok());
  ExpectNothingDiffers("a correction");
  const v1::LabelStats before = Stats();
  ChangeState("exclude", 1);
  ExpectNothingDiffers("an exclusion");
  EXPECT_EQ(Stats().SerializeAsString(), before.SerializeAsString()) << "its labels are kept";
  ChangeState("restore", 1);
  ChangeState("remove", 1);
  ExpectNothingDiffers("a removal");
  EXPECT_EQ(Stats().total().written().shown_answers() + 2, before.total().written().shown_answers());
  // An answer and the image's removal before anything is stored.
  ASSERT_TRUE(Submit(engineer_, Unchanged(*Reopen(engineer_, 3))).ok());
  ChangeState("remove", 3);
  ExpectNothingDiffers("a correction and a removal");
}

TEST_F(LabelStatsTest, NothingIsMissedThatATransactionWritesLate) {
  AddToLabelCounts(100);
  // A revision whose number comes before that of the next, and which is committed after it.
  pqxx::connection slow(coordinator_.database().url());
  pqxx::work work(slow);
  work.exec("SELECT import_revision(4, 1, false, false, '{1,1,5,5}', '{1}', '{false}')");
  ASSERT_TRUE(Submit(engineer_, Unchanged(*Reopen(engineer_, 3))).ok());
  for (int i = 0; i < 3; ++i) AddToLabelCounts(100);
  EXPECT_EQ(CountsThatDiffer(), 0);
  EXPECT_LT(Number("SELECT counted_id FROM label_count_state"), Number("SELECT max(id) FROM label_revision"));
  work.commit();
  EXPECT_EQ(CountsThatDiffer(), 0);
  for (int i = 0; i < 2; ++i) AddToLabelCounts(100);
  EXPECT_EQ(Number("SELECT counted_id FROM label_count_state"), Number("SELECT max(id) FROM label_revision"));
  EXPECT_EQ(CountsThatDiffer(), 0);
}

TEST_F(LabelStatsTest, CountingGoesOnInADatabaseThatWasRestoredFromADump) {
  coordinator_.database().Sql("UPDATE label_count_state SET settled_xid = '4000000000'");
  for (int i = 0; i < 2; ++i) AddToLabelCounts(100);
  EXPECT_EQ(Number("SELECT counted_id FROM label_count_state"), Number("SELECT max(id) FROM label_revision"));
}

TEST_F(LabelStatsTest, PeriodsAndDays) {
  // Noon of Sunday, 1 March 2026, the last minute of that day, and the next Monday.
  coordinator_.database().Sql(R"(
      BEGIN; SET LOCAL session_replication_role = replica;
      UPDATE label_revision
      SET created_at = CASE image_id WHEN 1 THEN '2026-03-01 12:00Z'::timestamptz
                       WHEN 2 THEN '2026-03-01 23:59:59.9Z' ELSE '2026-03-02 00:00Z' END;
      DELETE FROM label_count; UPDATE label_count_state SET counted_id = 0; COMMIT)");
  EXPECT_EQ(CountsThatDiffer(), 0);
  constexpr int64_t kSunday = 1772323200;
  constexpr int64_t kDay = 86400;
  const auto begins = [&](v1::Period period, int64_t from, int64_t to) {
    v1::GetLabelStatsRequest request;
    request.set_period(period);
    if (from != 0) request.mutable_from()->set_seconds(from);
    if (to != 0) request.mutable_to()->set_seconds(to);
    const auto stats = Ask(request);
    EXPECT_TRUE(stats.ok()) << stats.status();
    std::vector<int64_t> seconds;
    uint64_t answers = 0;
    for (const v1::PeriodStats& one : stats->periods()) {
      seconds.push_back(one.begins().seconds() - kSunday);
      answers += one.counts().written().shown_answers();
    }
    EXPECT_EQ(answers, stats->total().written().shown_answers());
    uint64_t of_reviewers = 0;
    for (const auto& one : stats->reviewers()) of_reviewers += one.counts().written().shown_answers();
    EXPECT_EQ(of_reviewers, answers);
    return seconds;
  };
  EXPECT_THAT(begins(v1::PERIOD_UNSPECIFIED, 0, 0), ElementsAre(0, kDay));
  EXPECT_THAT(begins(v1::HOUR, 0, 0), ElementsAre(12 * 3600, 23 * 3600, kDay));
  EXPECT_THAT(begins(v1::WEEK, 0, 0), ElementsAre(-6 * kDay, kDay));
  EXPECT_THAT(begins(v1::DAY, kSunday + kDay, 0), ElementsAre(kDay));
  EXPECT_THAT(begins(v1::DAY, kSunday, kSunday + kDay), ElementsAre(0));
  EXPECT_THAT(begins(v1::DAY, kSunday + 2 * kDay, 0), ElementsAre());
}

TEST_F(LabelStatsTest, WhoAcceptsAnOlderAnswerGetsOneOfTheSameQuestion) {
  v1::GetLabelStatsRequest old_is_fine;
  old_is_fine.set_max_age_seconds(3600);
  const auto first = Ask(old_is_fine);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(Submit(engineer_, Unchanged(*Reopen(engineer_, 3))).ok());
  const auto kept = Ask(old_is_fine);
  ASSERT_TRUE(kept.ok()) << kept.status();
  EXPECT_EQ(kept->SerializeAsString(), first->SerializeAsString());
  EXPECT_EQ(Stats().total().written().shown_answers(), first->total().written().shown_answers() + 1);
  v1::GetLabelStatsRequest by_hour = old_is_fine;
  by_hour.set_period(v1::HOUR);
  const auto other = Ask(by_hour);
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ(other->total().written().shown_answers(), first->total().written().shown_answers() + 1);
}

TEST_F(LabelStatsTest, WhatCanNotBeCountedIsRefused) {
  const auto code = [&](int64_t from, int64_t to) {
    v1::GetLabelStatsRequest request;
    if (from != 0) request.mutable_from()->set_seconds(from);
    if (to != 0) request.mutable_to()->set_seconds(to);
    return Ask(request).status().code();
  };
  EXPECT_EQ(code(86400 + 3600, 0), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(0, 86399), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(86400, 86400), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(code(int64_t{1} << 60, 0), absl::StatusCode::kInvalidArgument);
  v1::GetLabelStatsRequest request;
  request.mutable_from()->set_seconds(-365 * 86400);
  EXPECT_THAT(Ask(request).status().message(), testing::HasSubstr("from must be within the years 1970"));
  request.Clear();
  request.set_period(static_cast<v1::Period>(9));
  EXPECT_EQ(Ask(request).status().message(), "the field period is 9: it is one of HOUR, DAY, WEEK");
  request.Clear();
  request.set_project("nowhere");
  EXPECT_EQ(ErrorReason(Ask(request).status()), "NO_SUCH_PROJECT");
  coordinator_.database().Sql(
      "INSERT INTO label_count SELECT 1, 'time', '2020-01-01Z'::timestamptz + n * interval '1 hour', 0, "
      "'box', "
      "'drawn', 1, 1 FROM generate_series(1, 2001) n");
  request.clear_project();
  request.set_period(v1::HOUR);
  EXPECT_THAT(Ask(request).status().message(), testing::HasSubstr("at most 2000"));
}

}  // namespace
}  // namespace loupe
