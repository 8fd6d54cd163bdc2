#include "server/provenance/provenance_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <pqxx/except>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "proto/error_info.h"
#include "tests/server/labeling/labeling_fixture.h"

namespace loupe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class HistoryTest : public LabelingTest {
 protected:
  HistoryTest() {
    Import(3);
    RankByModel({1, 2, 3});
    for (int i = 0; i < 3; ++i) {
      v1::SubmitRequest correction = CorrectionOf(NextOne(annotator_));
      AddBox(correction, 1, 1, 11, 11).set_predicted_index(0);
      AddBox(correction, 12, 12, 18, 18, 2);
      EXPECT_TRUE(Submit(annotator_, correction).ok());
    }
  }

  // As somebody who may do anything to the database.
  void Tamper(const std::string& table, const std::string& statement) {
    coordinator_.database().Sql(
        absl::StrCat("BEGIN; SET LOCAL session_replication_role = replica; ALTER TABLE ", table,
                     " DISABLE TRIGGER append_only; ", statement, "; ALTER TABLE ", table,
                     " ENABLE TRIGGER append_only; COMMIT"));
  }
};

TEST_F(HistoryTest, AnUntouchedHistoryIsWhole) {
  const v1::VerifyHistoryResponse checked = Verify();
  EXPECT_EQ(checked.images(), 3U);
  EXPECT_EQ(checked.revisions(), 3U);
  EXPECT_EQ(checked.boxes(), 6U);
  EXPECT_EQ(checked.breaks_total(), 0U) << checked.DebugString();
}

TEST_F(HistoryTest, TheDatabaseRefusesToChangeIt) {
  for (const std::string table : {"label_revision", "label_box", "outcome", "shown_box", "rejection"}) {
    EXPECT_THROW(coordinator_.database().Sql("DELETE FROM " + table), pqxx::sql_error) << table;
    EXPECT_THROW(coordinator_.database().Sql("TRUNCATE " + table + " CASCADE"), pqxx::sql_error) << table;
  }
  EXPECT_THROW(coordinator_.database().Sql("UPDATE label_revision SET spent_ms = 1"), pqxx::sql_error);
  EXPECT_THROW(coordinator_.database().Sql("UPDATE label_box SET x1 = 0"), pqxx::sql_error);
  EXPECT_THROW(coordinator_.database().Sql("UPDATE outcome SET outcome = 'hidden'"), pqxx::sql_error);
  EXPECT_THROW(coordinator_.database().Sql("UPDATE shown_box SET score = 0"), pqxx::sql_error);
  EXPECT_THROW(coordinator_.database().Sql("UPDATE rejection SET score = 0"), pqxx::sql_error);
  EXPECT_THROW(coordinator_.database().Sql("UPDATE image SET side = 'holdout'"), pqxx::sql_error);
  EXPECT_EQ(Verify().breaks_total(), 0U);
}

TEST_F(HistoryTest, AChangeBehindTheTriggersIsFound) {
  const std::vector<std::pair<std::string, std::string>> changes = {
      {"label_box", "UPDATE label_box SET x1 = x1 + 0.0001 WHERE revision_id = 2 AND ordinal = 0"},
      {"label_box", "UPDATE label_box SET x1 = 1 WHERE revision_id = 2 AND ordinal = 0"},  // back again
      {"label_box", "UPDATE label_box SET label = 2 WHERE revision_id = 2"},
      {"label_box", "UPDATE label_box SET label = ordinal + 1 WHERE revision_id = 2"},
      {"label_box", "UPDATE label_box SET origin = 'adjusted' WHERE revision_id = 2 AND ordinal = 0"},
      {"label_box", "UPDATE label_box SET origin = 'accepted' WHERE revision_id = 2 AND ordinal = 0"},
      {"outcome", "UPDATE outcome SET outcome = 'hidden' WHERE revision_id = 2 AND shown_ordinal = 1"},
      {"outcome", "UPDATE outcome SET outcome = 'dropped' WHERE revision_id = 2 AND shown_ordinal = 1"},
      {"shown_box", "UPDATE shown_box SET score = 0.5 WHERE task_id = 2 AND ordinal = 1"},
      {"shown_box", "UPDATE shown_box SET score = 0.4 WHERE task_id = 2 AND ordinal = 1"},
      {"label_revision", "UPDATE label_revision SET note = 'x' WHERE id = 2"},
      {"label_revision", "UPDATE label_revision SET note = '' WHERE id = 2"},
      {"label_revision", "UPDATE label_revision SET flags = '{a}' WHERE id = 2"},
      {"label_revision", "UPDATE label_revision SET flags = '{}' WHERE id = 2"},
      {"label_revision", "UPDATE label_revision SET late = true WHERE id = 2"},
      {"label_revision", "UPDATE label_revision SET late = false WHERE id = 2"},
      {"label_revision", "UPDATE label_revision SET author_id = 1 WHERE id = 2"},
      {"label_revision", "UPDATE label_revision SET author_id = 2 WHERE id = 2"}};
  for (size_t i = 0; i < changes.size(); ++i) {
    Tamper(changes[i].first, changes[i].second);
    const v1::VerifyHistoryResponse checked = Verify();
    EXPECT_EQ(checked.breaks_total(), i % 2 == 0 ? 1U : 0U) << changes[i].second;
    for (const std::string& found : checked.breaks()) {
      EXPECT_THAT(found, HasSubstr("image 2 revision 1: its content was changed"));
    }
  }
}

TEST_F(HistoryTest, AMissingRevisionIsFound) {
  Tamper("label_revision", "DELETE FROM label_revision WHERE id = 3");
  EXPECT_THAT(Verify().breaks(),
              ElementsAre(HasSubstr("image 3: its history ends with revision 3"),
                          HasSubstr("image 3: its truth is revision 3"),
                          HasSubstr("image 3: task 3 says that revision 3 is its answer")));
}

TEST_F(HistoryTest, AnImageIsFoundByItsFileName) {
  const auto stub = v1::ProvenanceService::NewStub(coordinator_.channel());
  v1::GetImageProvenanceRequest request;
  request.set_file_name("image-1.png");
  const auto found = Rpc(*stub, &v1::ProvenanceService::Stub::GetImageProvenance, engineer_, request);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->image().file_name(), "image-1.png");
  EXPECT_EQ(found->revisions_size(), 1);
  request.set_file_name("nowhere.png");
  EXPECT_EQ(
      ErrorReason(Rpc(*stub, &v1::ProvenanceService::Stub::GetImageProvenance, engineer_, request).status()),
      "NO_SUCH_IMAGE");
}

using LineageTest = AnsweredTest;

v1::BoxProvenance BoxOf(TestCoordinator& coordinator, const std::string& token, int64_t box) {
  const auto stub = v1::ProvenanceService::NewStub(coordinator.channel());
  v1::GetBoxProvenanceRequest request;
  request.set_box_id(box);
  const auto found = Rpc(*stub, &v1::ProvenanceService::Stub::GetBoxProvenance, token, request);
  EXPECT_TRUE(found.ok()) << found.status();
  return found.ok() ? *found : v1::BoxProvenance();
}

TEST_F(LineageTest, ABoxIsFollowedFromItsPredictionThroughTwoCorrections) {
  // Image 3: the predicted box (1, 1, 11, 11) was moved to (4, 1, 11, 11). Then it gets another class, and
  // is taken away.
  const int64_t box = Provenance(3).revisions(0).boxes(0).box_id();
  v1::SubmitRequest relabelled = Unchanged(*Reopen(engineer_, 3));
  relabelled.mutable_boxes(0)->set_label(2);
  relabelled.mutable_boxes(0)->set_spent_ms(700);
  ASSERT_TRUE(Submit(engineer_, relabelled).ok());

  const v1::BoxProvenance held = BoxOf(coordinator_, engineer_, box);
  EXPECT_EQ(held.image().id(), 3);
  EXPECT_TRUE(held.in_truth());
  ASSERT_EQ(held.revisions_size(), 2);
  const v1::BoxRevision& first = held.revisions(0);
  EXPECT_EQ(first.revision().number(), 1U);
  EXPECT_EQ(first.revision().reason().generation(), 1U);
  EXPECT_EQ(first.revision().boxes_size(), 0);
  EXPECT_EQ(first.box().origin(), v1::ADJUSTED);
  EXPECT_EQ(first.box().box().x1(), 4);
  EXPECT_FALSE(first.has_spent_ms());
  EXPECT_EQ(first.source().model(), 1U);
  EXPECT_EQ(first.source().box().box().x1(), 1);
  EXPECT_FLOAT_EQ(first.source().box().score(), 0.9F);
  EXPECT_EQ(first.source().outcome(), v1::OUTCOME_ADJUSTED);
  EXPECT_NEAR(first.source().iou(), 0.7, 1e-6);
  const v1::BoxRevision& second = held.revisions(1);
  EXPECT_EQ(second.revision().source(), "reopen");
  EXPECT_EQ(second.box().label(), 2U);
  EXPECT_EQ(second.spent_ms(), 700U);
  EXPECT_FALSE(second.has_source()) << "nothing was shown when it was opened again";
  EXPECT_EQ(held.trained_models_size(), 0);

  ASSERT_TRUE(Submit(engineer_, CorrectionOf(*Reopen(engineer_, 3))).ok());
  const v1::BoxProvenance gone = BoxOf(coordinator_, engineer_, box);
  EXPECT_FALSE(gone.in_truth());
  EXPECT_EQ(gone.revisions_size(), 2);
}

TEST_F(LineageTest, AShownBoxHasACalibratedScoreIfItsModelIsCalibrated) {
  const int64_t box = Provenance(2).revisions(0).boxes(0).box_id();
  EXPECT_FALSE(BoxOf(coordinator_, engineer_, box).revisions(0).source().has_calibrated_score());
  v1::Evaluation evaluation;
  v1::ClassCalibration& first = *evaluation.mutable_calibration()->add_classes();
  first.set_kind("platt");
  first.set_slope(2);
  evaluation.mutable_calibration()->add_classes()->set_kind("identity");
  SubmitRound();
  coordinator_.database().Sql(
      absl::StrCat("BEGIN; UPDATE model SET round_id = 1 WHERE id = 1; INSERT INTO evaluation (model_id, "
                   "round_id, result) "
                   "VALUES (1, 1, decode('",
                   absl::BytesToHexString(evaluation.SerializeAsString()), "', 'hex')); COMMIT"));
  // sigmoid(2 * logit(0.9)) = 0.81 / (0.81 + 0.01).
  EXPECT_NEAR(BoxOf(coordinator_, engineer_, box).revisions(0).source().calibrated_score(), 81. / 82, 1e-6);
  const v1::ImageProvenance history = Provenance(2);
  ASSERT_EQ(history.revisions(0).shown_boxes_size(), 2);
  EXPECT_NEAR(history.revisions(0).shown_boxes(0).calibrated_score(), 81. / 82, 1e-6);
  EXPECT_FALSE(history.revisions(0).shown_boxes(1).has_calibrated_score()) << "too few boxes to calibrate by";
}

TEST_F(LineageTest, ABoxIsInTheTruthAgainWhenALaterAnswerIsTakenBack) {
  const int64_t box = Provenance(2).revisions(0).boxes(0).box_id();
  ASSERT_TRUE(Submit(engineer_, Unchanged(*Reopen(engineer_, 2))).ok());
  v1::WithdrawRequest request;
  request.set_request_id(NextRequestId());
  request.set_reviewer(Provenance(2).revisions(1).author());
  ASSERT_TRUE(Rpc(*stub_, &Labeling::Withdraw, engineer_, request).ok());
  const v1::BoxProvenance held = BoxOf(coordinator_, engineer_, box);
  EXPECT_EQ(held.revisions_size(), 2);
  EXPECT_TRUE(held.in_truth()) << "the first answer is the truth again";
}

TEST_F(LineageTest, ModelsThatLearnedFromABoxAreNamedAndTellWhatTheyLearnedFrom) {
  SubmitRound();
  // Its model, one that begins with that model's weights, and one that begins with those of the second.
  coordinator_.database().Sql(R"(
      BEGIN;
      INSERT INTO model (project_id, number, name, preset, state, weights_sha256, weights_bytes, round_id)
      VALUES (1, 2, 'second', 'small', 'candidate', sha256('trained'), 7, 1);
      UPDATE round SET model_id = (SELECT id FROM model WHERE number = 2), state = 'done', ended_at = now();
      INSERT INTO model (project_id, number, name, preset, state, weights_sha256, weights_bytes, parent_id)
      SELECT 1, 3, 'later', 'small', 'candidate', sha256('later'), 7, id FROM model WHERE number = 2;
      INSERT INTO model (project_id, number, name, preset, state, weights_sha256, weights_bytes, parent_id)
      SELECT 1, 4, 'last', 'small', 'candidate', sha256('last'), 7, id FROM model WHERE number = 3;
      COMMIT)");
  const int64_t box = Provenance(2).revisions(0).boxes(0).box_id();
  EXPECT_THAT(BoxOf(coordinator_, engineer_, box).trained_models(), ElementsAre(2, 3, 4));

  const auto stub = v1::ProvenanceService::NewStub(coordinator_.channel());
  const auto lineage = [&](const std::string& model) {
    v1::GetModelProvenanceRequest request;
    request.set_model(model);
    return Rpc(*stub, &v1::ProvenanceService::Stub::GetModelProvenance, engineer_, request);
  };
  const auto trained = lineage("second");
  ASSERT_TRUE(trained.ok()) << trained.status();
  EXPECT_EQ(trained->model().round(), 1U);
  EXPECT_EQ(trained->ancestors_size(), 0);
  EXPECT_THAT(trained->descendants(), ElementsAre(3, 4));
  ASSERT_EQ(trained->origins_size(), 3) << trained->DebugString();
  EXPECT_EQ(trained->origins(0).origin(), v1::ACCEPTED);
  EXPECT_EQ(trained->origins(0).boxes(), 1U);
  ASSERT_EQ(trained->authors_size(), 1);
  EXPECT_EQ(trained->authors(0).images(), 3U);
  EXPECT_EQ(trained->authors(0).blind_images(), 0U);
  EXPECT_EQ(trained->authors(0).boxes(), 3U);
  EXPECT_THAT(lineage("4")->ancestors(), ElementsAre(3, 2));
  EXPECT_EQ(lineage("4")->authors_size(), 0);
  EXPECT_EQ(lineage("")->model().number(), 1U) << "the serving one";
  EXPECT_EQ(ErrorReason(lineage("9").status()), "NO_SUCH_MODEL");
}

TEST_F(LineageTest, ABoxThatTheProjectDoesNotHaveIsNotFound) {
  const int64_t known = Provenance(2).revisions(0).boxes(0).box_id();
  const auto projects = v1::ProjectService::NewStub(coordinator_.channel());
  v1::CreateProjectRequest created;
  created.set_request_id(NextRequestId());
  created.set_name("other");
  created.add_classes("scratch");
  ASSERT_TRUE(Rpc(*projects, &v1::ProjectService::Stub::CreateProject, engineer_, created).ok());
  const auto stub = v1::ProvenanceService::NewStub(coordinator_.channel());
  const auto ask = [&](const std::string& token, const std::string& project, int64_t box) {
    v1::GetBoxProvenanceRequest request;
    request.set_project(project);
    request.set_box_id(box);
    return ErrorReason(Rpc(*stub, &v1::ProvenanceService::Stub::GetBoxProvenance, token, request).status());
  };
  EXPECT_EQ(ask(engineer_, "other", known), "NO_SUCH_BOX");
  EXPECT_EQ(ask(annotator_, "other", known), "WRONG_ROLE");
  for (const int64_t box : {int64_t{0}, int64_t{-1}, int64_t{1} << 60}) {
    EXPECT_EQ(ask(engineer_, "other", box), "NO_SUCH_BOX");
  }
}

}  // namespace
}  // namespace loupe
