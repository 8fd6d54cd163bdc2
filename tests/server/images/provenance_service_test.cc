#include "server/images/provenance_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <pqxx/except>

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
  EXPECT_THAT(Verify().breaks(), ElementsAre(HasSubstr("image 3: its history ends with revision 3"),
                                             HasSubstr("image 3: its truth is revision 3")));
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

}  // namespace
}  // namespace loupe
