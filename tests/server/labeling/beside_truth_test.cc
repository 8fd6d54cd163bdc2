// Answers to planted tasks and second opinions stay beside the truth, whatever is done with labels: nothing
// that is computed from labels changes with them.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/labeling/planted_fixture.h"

namespace loupe {
namespace {

class BesideTruthTest : public PlantedTest {
 protected:
  // Twenty images of the random slice are answered, and of five of them a second person is asked.
  BesideTruthTest() : other_(coordinator_.Token(v1::ANNOTATOR)) {
    Sql("UPDATE ranking_entry SET slice = 'random', probability = 0.5, blind = position % 2 = 1");
    Sql("ALTER TABLE project DROP CONSTRAINT project_overlap_share");
    for (int i = 0; i < 20; ++i) {
      if (i == 15) Sql("UPDATE project SET overlap_share = 1");
      const v1::Task task = NextOne(annotator_);
      v1::SubmitRequest correction = CorrectionOf(task);
      AddBox(correction, 1, 1, 11, 11);
      EXPECT_TRUE(Submit(annotator_, correction).ok());
    }
    Sql("UPDATE project SET overlap_share = 0");
  }

  // Three planted tasks and five second opinions, each with a box that nobody else has.
  void AnswerBesideTheTruth() {
    for (int i = 0; i < 3; ++i) {
      const v1::Task task = NextPlanted();
      v1::SubmitRequest correction = AcceptAll(task);
      AddBox(correction, 3, 3, 9, 30, 2);
      ASSERT_TRUE(Submit(annotator_, correction).ok());
    }
    SetShare(0);
    for (int i = 0; i < 5; ++i) {
      v1::SubmitRequest correction = CorrectionOf(NextOne(other_));
      AddBox(correction, 3, 3, 9, 30, 2);
      ASSERT_TRUE(Submit(other_, correction).ok());
    }
    ASSERT_EQ(Number("SELECT count(*) FROM label_revision WHERE standing = 'planted'"), 3);
    ASSERT_EQ(Number("SELECT count(*) FROM label_revision WHERE standing = 'opinion'"), 5);
  }

  template <typename Service, typename Method, typename Request>
  std::string Told(Method method, const Request& request) {
    const auto stub = Service::NewStub(coordinator_.channel());
    auto answer = Rpc(*stub, method, engineer_, request);
    if (!answer.ok()) return std::string(answer.status().message());
    if (const auto* field = answer->GetDescriptor()->FindFieldByName("computed_at"); field != nullptr)
      answer->GetReflection()->ClearField(&*answer, field);
    if (const auto* field = answer->GetDescriptor()->FindFieldByName("answers_beside_truth");
        field != nullptr)
      answer->GetReflection()->ClearField(&*answer, field);
    return answer->ShortDebugString();
  }

  // All that is told of the labels.
  std::vector<std::string> Figures() {
    using Insight = v1::InsightService::Stub;
    v1::QueryBoxesRequest boxes;
    boxes.set_page_size(500);
    return {
        Told<v1::ProjectService>(&v1::ProjectService::Stub::GetStatus, v1::GetStatusRequest()),
        Told<v1::InsightService>(&Insight::EstimatePool, v1::EstimatePoolRequest()),
        Told<v1::InsightService>(&Insight::CheckLabels, v1::CheckLabelsRequest()),
        Told<v1::InsightService>(&Insight::GetModelQuality, v1::GetModelQualityRequest()),
        Told<v1::InsightService>(&Insight::GetCurve, v1::GetCurveRequest()),
        Told<v1::ProvenanceService>(&v1::ProvenanceService::Stub::QueryBoxes, boxes),
        Told<v1::RoundService>(&v1::RoundService::Stub::PlanRound, v1::PlanRoundRequest()),
        Text("SELECT string_agg(id || ' ' || coalesce(truth_revision_id, 0), ', ' ORDER BY id) FROM image")};
  }

  std::string Text(const std::string& sql) {
    return coordinator_.database().Sql(sql).at(0)[0].as<std::string>();
  }

  std::string NameOf(const std::string& author_of) {
    return Text(absl::StrCat("SELECT name FROM principal WHERE id = (", author_of, ")"));
  }

  v1::WithdrawResponse Withdraw(const std::string& reviewer) {
    v1::WithdrawRequest request;
    request.set_request_id(NextRequestId());
    request.set_reviewer(reviewer);
    const auto withdrawn = Rpc(*stub_, &Labeling::Withdraw, engineer_, request);
    EXPECT_TRUE(withdrawn.ok()) << withdrawn.status();
    return withdrawn.ok() ? *withdrawn : v1::WithdrawResponse();
  }

  void Undo(int64_t withdrawal) {
    v1::UndoWithdrawalRequest request;
    request.set_request_id(NextRequestId());
    request.set_withdrawal(withdrawal);
    const auto undone = Rpc(*stub_, &Labeling::UndoWithdrawal, engineer_, request);
    EXPECT_TRUE(undone.ok()) << undone.status();
  }

  // Images whose truth isn't one.
  int64_t FalseTruths() {
    return Number(
        "SELECT count(*) FROM image JOIN label_revision truth ON truth.id = truth_revision_id "
        "WHERE standing NOT IN ('truth', 'restored')");
  }

  const std::string other_;
};

TEST_F(BesideTruthTest, NoFigureChanges) {
  const std::vector<std::string> before = Figures();
  AnswerBesideTheTruth();
  const std::vector<std::string> after = Figures();
  for (size_t i = 0; i < before.size(); ++i) EXPECT_EQ(after[i], before[i]);
  EXPECT_EQ(CountsThatDiffer(), 0);
}

// An image whose truth is withdrawn has none, though others answered it.
TEST_F(BesideTruthTest, TheyNeverTakeThePlaceOfAWithdrawnTruth) {
  AnswerBesideTheTruth();
  const std::vector<std::string> before = Figures();
  const std::string annotator = NameOf("SELECT principal_id FROM task WHERE kind = 'planted' LIMIT 1");
  const std::string other = NameOf("SELECT principal_id FROM task WHERE kind = 'overlap' LIMIT 1");
  const std::string importer = NameOf("SELECT min(id) FROM principal");

  EXPECT_EQ(Withdraw(other).revisions(), 0U);
  EXPECT_EQ(Figures(), before);

  const v1::WithdrawResponse of_annotator = Withdraw(annotator);
  EXPECT_EQ(of_annotator.unlabelled_images(), 20U);
  EXPECT_EQ(Number("SELECT count(*) FROM image WHERE truth_revision_id IS NOT NULL"), kLabelled);
  EXPECT_EQ(FalseTruths(), 0);
  const v1::WithdrawResponse of_importer = Withdraw(importer);
  EXPECT_EQ(of_importer.unlabelled_images(), static_cast<uint64_t>(kLabelled));
  EXPECT_EQ(Number("SELECT count(*) FROM image WHERE truth_revision_id IS NOT NULL"), 0);

  Undo(of_importer.withdrawal());
  Undo(of_annotator.withdrawal());
  EXPECT_EQ(Number("SELECT count(*) FROM image WHERE truth_revision_id IS NOT NULL"), kLabelled + 20);
  EXPECT_EQ(FalseTruths(), 0);
  EXPECT_EQ(Number("SELECT count(*) FROM label_revision WHERE standing = 'restored' AND based_on IN "
                   "(SELECT id FROM label_revision WHERE standing IN ('planted', 'opinion'))"),
            0);
  EXPECT_EQ(CountsThatDiffer(), 0);
}

TEST_F(BesideTruthTest, NoSnapshotHoldsThem) {
  AnswerBesideTheTruth();
  SubmitRound();
  EXPECT_EQ(Number("SELECT count(*) FROM snapshot_item"), kLabelled + 20);
  EXPECT_EQ(Number("SELECT count(*) FROM snapshot_item JOIN image ON image.id = image_id "
                   "WHERE revision_id <> truth_revision_id"),
            0);
}

// What was asked of a person about an image is as if nobody had answered beside its truth: reviews and
// openings show the truth, and what follows is one.
TEST_F(BesideTruthTest, ALaterLookShowsTheTruth) {
  AnswerBesideTheTruth();
  for (const char* kind : {"planted", "overlap"}) {
    const int64_t image = Number(absl::StrCat("SELECT min(image_id) FROM task WHERE kind = '", kind, "'"));
    const auto opened = Reopen(engineer_, image);
    ASSERT_TRUE(opened.ok()) << opened.status();
    std::vector<int64_t> shown;
    for (const v1::LabelBox& box : opened->boxes()) shown.push_back(box.box_id());
    EXPECT_EQ(static_cast<int64_t>(shown.size()),
              Number(absl::StrCat("SELECT count(*) FROM image JOIN label_box ON revision_id = "
                                  "truth_revision_id WHERE image.id = ",
                                  image)));
    for (const int64_t box : shown) {
      EXPECT_EQ(Number(absl::StrCat("SELECT count(*) FROM label_box JOIN label_revision ON id = revision_id "
                                    "WHERE standing IN ('planted', 'opinion') AND box_id = ",
                                    box)),
                0);
    }
  }
}

}  // namespace
}  // namespace loupe
