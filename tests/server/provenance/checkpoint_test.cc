#include "server/provenance/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <vector>

#include <pqxx/connection>
#include <pqxx/except>
#include <pqxx/nontransaction>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "proto/error_info.h"
#include "tests/server/labeling/labeling_fixture.h"

namespace loupe {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// Tables that a tampered history may touch.
constexpr const char* kTables[] = {"label_revision", "label_box", "outcome", "shown_box", "task",
                                   "snapshot_item",  "snapshot",  "image",   "principal"};

// Computes the hashes of all revisions and snapshots anew, as somebody would who knows how.
constexpr char kNewHashes[] = R"sql(
DO $$
DECLARE
  one label_revision;
  last bytea;
  last_image bigint := 0;
BEGIN
  FOR one IN SELECT * FROM label_revision ORDER BY image_id, number LOOP
    IF one.image_id <> last_image THEN
      last := decode(repeat('00', 32), 'hex');
      last_image := one.image_id;
    END IF;
    one.previous_hash := last;
    last := coalesce(expected_hash(one, (SELECT sha256 FROM image WHERE id = one.image_id)), sha256('none'));
    UPDATE label_revision SET previous_hash = one.previous_hash, hash = last WHERE id = one.id;
  END LOOP;
  UPDATE snapshot SET hash = snapshot_hash(id);
END $$;)sql";

class CheckpointTest : public LabelingTest {
 protected:
  CheckpointTest() : provenance_(v1::ProvenanceService::NewStub(coordinator_.channel())) {
    Import(5);
    RankByModel({1, 2, 3, 4});
    for (int i = 0; i < 3; ++i) {
      v1::SubmitRequest correction = CorrectionOf(NextOne(annotator_));
      AddBox(correction, 1, 1, 11, 11).set_predicted_index(0);
      AddBox(correction, 12, 12, 18, 18, 2);
      correction.set_note("a note");
      EXPECT_TRUE(Submit(annotator_, correction).ok());
    }
    EXPECT_EQ(NextOne(annotator_).image().id(), 4) << "is served and not answered";
    Sql("INSERT INTO snapshot (project_id, images, boxes) VALUES (1, 2, 4);"
        "INSERT INTO snapshot_item (snapshot_id, image_id, revision_id) VALUES (1, 1, 1), (1, 2, 2);"
        "UPDATE snapshot SET hash = snapshot_hash(id)");
  }

  // As somebody who may do anything to the database.
  void Sql(const std::string& statements) { coordinator_.database().Sql(statements); }
  void Tamper(const std::string& statements) {
    Sql(absl::StrCat("BEGIN; SET LOCAL session_replication_role = replica; ", statements, "; COMMIT"));
  }

  // Keeps what the tables hold, and takes off what would refuse a change.
  void OpenTables() {
    Sql("CREATE SCHEMA kept");
    for (const std::string table : kTables) {
      Sql(absl::StrCat("CREATE TABLE kept.", table, " AS TABLE ", table));
      Sql(
          absl::StrCat("DO $$ DECLARE one record; BEGIN FOR one IN SELECT conname FROM pg_constraint WHERE "
                       "conrelid = '",
                       table, "'::regclass AND contype IN ('c', 'f') LOOP EXECUTE format('ALTER TABLE ",
                       table, " DROP CONSTRAINT %I', one.conname); END LOOP; END $$"));
      if (table != "label_box" && table != "outcome" && table != "shown_box" && table != "snapshot_item") {
        Sql(absl::StrCat("ALTER TABLE ", table, " ALTER id DROP IDENTITY"));
      }
    }
  }
  void RestoreTables() {
    std::string statements;
    for (const std::string table : kTables) {
      absl::StrAppend(&statements, "DELETE FROM ", table, "; INSERT INTO ", table, " TABLE kept.", table,
                      ";");
    }
    Tamper(statements);
  }

  struct Checkpoint {
    std::string lines;
    std::string statement;
  };
  absl::StatusOr<Checkpoint> Make(const std::string& project = "") {
    v1::CreateCheckpointRequest request;
    request.set_project(project);
    const auto context = NewContext(token_);
    const auto reader = provenance_->CreateCheckpoint(context.get(), request);
    std::string text;
    v1::CreateCheckpointResponse piece;
    while (reader->Read(&piece)) text += piece.text();
    const grpc::Status status = reader->Finish();
    if (!status.ok()) return FromGrpc(status);
    const size_t end = text.rfind("\nroot ");
    return Checkpoint{text.substr(0, end + 1), text.substr(end + 1)};
  }

  absl::StatusOr<v1::VerifyHistoryResponse> Against(const Checkpoint& checkpoint,
                                                    const std::string& project = "") {
    const auto context = NewContext(token_);
    v1::VerifyHistoryResponse response;
    const auto writer = provenance_->VerifyCheckpoint(context.get(), &response);
    v1::VerifyCheckpointRequest message;
    message.set_project(project);
    message.set_statement(checkpoint.statement);
    bool open = writer->Write(message);
    message.Clear();
    // In pieces that end anywhere.
    for (size_t place = 0; open && place < checkpoint.lines.size(); place += 100) {
      message.set_lines(checkpoint.lines.substr(place, 100));
      open = writer->Write(message);
    }
    writer->WritesDone();
    const grpc::Status status = writer->Finish();
    if (!status.ok()) return FromGrpc(status);
    return response;
  }

  std::vector<std::string> BreaksAgainst(const Checkpoint& checkpoint) {
    const auto response = Against(checkpoint);
    EXPECT_TRUE(response.ok()) << response.status();
    if (!response.ok()) return {};
    return {response->breaks().begin(), response->breaks().end()};
  }

  std::unique_ptr<v1::ProvenanceService::Stub> provenance_;
  std::string token_ = engineer_;
};

TEST_F(CheckpointTest, FitsTheHistoryAlsoWhenItGoesOn) {
  const auto checkpoint = Make();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  auto response = Against(*checkpoint);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_THAT(response->breaks(), IsEmpty());
  EXPECT_EQ(response->revisions(), 3U);
  EXPECT_EQ(response->revisions_since(), 0U);
  EXPECT_LT(absl::Now() - absl::FromUnixSeconds(response->checkpoint_made_at().seconds()), absl::Minutes(1));

  const auto open = Rpc(*stub_, &Labeling::ListOpenTasks, annotator_, v1::ListOpenTasksRequest());
  ASSERT_TRUE(open.ok() && open->tasks_size() == 1);
  ASSERT_TRUE(Submit(annotator_, CorrectionOf(open->tasks(0))).ok());
  Import(2, 10);
  coordinator_.Token(v1::ANNOTATOR);
  response = Against(*checkpoint);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_THAT(response->breaks(), IsEmpty());
  EXPECT_EQ(response->revisions_since(), 1U);
}

// What changes a value of a type, and leaves it a value of that type.
std::string Changed(const std::string& column, const std::string& type) {
  if (column == "hash_version") return "2";
  if (type == "bytea") return "sha256('another')";
  if (type == "boolean") return absl::StrCat("NOT ", column);
  if (type == "ARRAY") return absl::StrCat("array_append(", column, ", 'x')");
  if (type == "text") return absl::StrCat("coalesce(", column, ", '') || 'x'");
  if (type == "timestamp with time zone") return absl::StrCat(column, " + interval '1 second'");
  return absl::StrCat("coalesce(", column, ", 0) + 1000000");
}

TEST_F(CheckpointTest, EveryColumnOfTheHistoryIsCovered) {
  const auto checkpoint = Make();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  OpenTables();
  // A row of each that an answer rests on.
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"label_revision", "id = 2"},
      {"label_box", "revision_id = 2 AND ordinal = 1"},
      {"outcome", "revision_id = 2 AND shown_ordinal = 0"},
      {"shown_box", "task_id = 2 AND ordinal = 0"},
      {"task", "id = 2"},
      {"snapshot_item", "image_id = 2"}};
  int columns = 0;
  for (const auto& [table, row] : rows) {
    for (const auto& column : coordinator_.database().Sql(absl::StrCat(
             "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = "
             "'public' AND table_name = '",
             table, "'"))) {
      const std::string name = column[0].as<std::string>();
      for (const bool with_new_hashes : {false, true}) {
        // What is computed anew is as it was.
        if (with_new_hashes && (name == "hash" || name == "previous_hash")) continue;
        Tamper(absl::StrCat("UPDATE ", table, " SET ", name, " = ",
                            Changed(name, column[1].as<std::string>()), " WHERE ", row, ";",
                            with_new_hashes ? kNewHashes : ""));
        EXPECT_THAT(BreaksAgainst(*checkpoint), Not(IsEmpty()))
            << table << "." << name << (with_new_hashes ? " with new hashes" : "");
        RestoreTables();
      }
      ++columns;
    }
  }
  EXPECT_GT(columns, 60);
  EXPECT_THAT(BreaksAgainst(*checkpoint), IsEmpty()) << "all is as it was";
}

TEST_F(CheckpointTest, WhyAnUnansweredTaskWasServedIsCovered) {
  const auto checkpoint = Make();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  OpenTables();
  for (const std::string change :
       {"task SET score = 0.9 WHERE id = 4", "task SET slice = 'random' WHERE id = 4",
        "shown_box SET score = 0.9 WHERE task_id = 4"}) {
    Tamper("UPDATE " + change);
    EXPECT_THAT(BreaksAgainst(*checkpoint), ElementsAre(HasSubstr("image 4: why a task was served")));
    RestoreTables();
  }
  Tamper("DELETE FROM task WHERE id = 4");
  EXPECT_THAT(BreaksAgainst(*checkpoint), ElementsAre(HasSubstr("image 4: tasks are missing")));
}

TEST_F(CheckpointTest, ATaskThatEndedWithoutAnAnswerStaysAsItEnded) {
  const auto open = Rpc(*stub_, &Labeling::ListOpenTasks, annotator_, v1::ListOpenTasksRequest());
  ASSERT_TRUE(open.ok() && open->tasks_size() == 1);
  v1::SkipRequest skip = SkipOf(open->tasks(0));
  skip.set_reason("blurred");
  ASSERT_TRUE(Rpc(*stub_, &Labeling::Skip, annotator_, skip).ok());
  const auto checkpoint = Make();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_THAT(BreaksAgainst(*checkpoint), IsEmpty());
  OpenTables();
  for (const std::string change :
       {"skip_reason = 'dark'", "skip_reason = NULL", "state = 'released'", "ended_at = now()",
        "state = 'answered', skip_reason = NULL, revision_id = 3"}) {
    Tamper("UPDATE task SET " + change + " WHERE id = 4");
    EXPECT_THAT(BreaksAgainst(*checkpoint), Contains(HasSubstr("image 4: how its task 4 ended"))) << change;
    RestoreTables();
  }
  Tamper("UPDATE task SET state = 'answered', revision_id = 3 WHERE id = 4");
  EXPECT_THAT(Verify().breaks(),
              ElementsAre(HasSubstr("image 4: task 4 says that revision 3 is its answer")));
}

TEST_F(CheckpointTest, WhatOlderHashesLeaveOutIsCovered) {
  OpenTables();
  Tamper(absl::StrCat("UPDATE label_revision SET hash_version = id % 2 + 1;", kNewHashes));
  const auto checkpoint = Make();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_THAT(BreaksAgainst(*checkpoint), IsEmpty());
  Sql("DELETE FROM kept.label_revision; INSERT INTO kept.label_revision TABLE label_revision");
  for (const std::string change :
       {"label_revision SET standing = 'late' WHERE id = 1", "label_revision SET note = 'other' WHERE id = 1",
        "label_revision SET id = 1000 WHERE id = 2", "outcome SET outcome = 'missed' WHERE revision_id = 1",
        "shown_box SET score = 0.1 WHERE task_id = 1", "task SET slice = 'random' WHERE id = 2"}) {
    Tamper(absl::StrCat("UPDATE ", change));
    EXPECT_THAT(BreaksAgainst(*checkpoint), Contains(HasSubstr("was rewritten"))) << change;
    RestoreTables();
  }
}

TEST_F(CheckpointTest, SettingsOfTheDatabaseRaiseNoAlarm) {
  const auto checkpoint = Make();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  for (const std::string setting : {"extra_float_digits = 0", "bytea_output = escape", "DateStyle = German",
                                    "TimeZone = 'Asia/Kolkata'", "standard_conforming_strings = off"}) {
    Sql(absl::StrCat("DO $do$ BEGIN EXECUTE format($$ALTER DATABASE %I SET ", setting,
                     "$$, current_database()); END $do$"));
  }
  // The coordinator connects anew.
  Sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
      "AND datname = current_database()");
  EXPECT_THAT(BreaksAgainst(*checkpoint), IsEmpty());
  EXPECT_EQ(Verify().boxes(), 6U);
}

TEST_F(CheckpointTest, WhatIsCutOffOrRemovedIsNamed) {
  const auto checkpoint = Make();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  OpenTables();
  struct Case {
    std::string change, named;
  };
  const std::vector<Case> cases = {
      {"UPDATE principal SET name = 'somebody' WHERE id = 2", "author 2: the name was changed from"},
      {"DELETE FROM label_revision WHERE id = 3;"
       "UPDATE image SET head_revision_id = NULL, truth_revision_id = NULL WHERE id = 3",
       "image 3: its history was cut off: it has 0 revisions, and had 1"},
      {"DELETE FROM image WHERE id = 5", "image 5 is missing"},
      {"DELETE FROM label_revision WHERE image_id = 2; DELETE FROM image WHERE id = 2", "image 2 is missing"},
      {"UPDATE image SET sha256 = sha256('other') WHERE id = 5", "image 5: its picture was changed"},
      {"UPDATE image SET side = 'holdout' WHERE id = 5",
       "image 5: it was moved from the pool to the holdout"},
      {"UPDATE label_box SET label = 1 WHERE revision_id = 2", "image 2 revision 1: it or one before it"},
      {"UPDATE snapshot_item SET revision_id = 3 WHERE image_id = 2",
       "snapshot 1: what it holds was changed"},
      {"DELETE FROM snapshot_item; DELETE FROM snapshot", "snapshot 1 is missing"},
      {"UPDATE model SET parent_id = 1", "model 1: its round, its parent or its weights were changed"}};
  for (const Case& one : cases) {
    Tamper(absl::StrCat(one.change, ";", kNewHashes));
    EXPECT_THAT(BreaksAgainst(*checkpoint), Contains(HasSubstr(one.named))) << one.change;
    RestoreTables();
  }
}

TEST_F(CheckpointTest, ARemovedImageThatIsThereAgainIsNamed) {
  OpenTables();
  Sql("UPDATE image SET state = 'removed' WHERE id = 5");
  const auto checkpoint = Make();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  EXPECT_THAT(BreaksAgainst(*checkpoint), IsEmpty());
  Sql("UPDATE image SET state = 'usable' WHERE id = 5");
  EXPECT_THAT(BreaksAgainst(*checkpoint), ElementsAre("image 5: it was removed, and is there again"));
}

TEST_F(CheckpointTest, ATriggerThatWasOffIsNamed) {
  const auto checkpoint = Make();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  Sql("ALTER TABLE outcome DISABLE TRIGGER append_only");
  EXPECT_THAT(Verify().breaks(),
              ElementsAre(HasSubstr("table outcome: the trigger append_only, which refuses "
                                    "changes, is disabled")));
  EXPECT_EQ(ErrorReason(Make().status()), "HISTORY_CHANGED");
  Sql("ALTER TABLE outcome ENABLE TRIGGER append_only");
  EXPECT_THAT(Verify().breaks(), IsEmpty());
  EXPECT_THAT(BreaksAgainst(*checkpoint),
              ElementsAre(HasSubstr("table outcome: the trigger append_only, which "
                                    "refuses changes, was disabled or made anew")));
  Sql("ALTER TABLE image DISABLE TRIGGER image_fixed");
  EXPECT_THAT(Verify().breaks(), ElementsAre(HasSubstr("table image: the trigger image_fixed")));
  Sql("ALTER TABLE image ENABLE TRIGGER image_fixed");
  Sql("CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; "
      "END'");
  EXPECT_THAT(BreaksAgainst(*checkpoint), Contains(HasSubstr("table shown_box: the trigger append_only")));
  Sql("DROP TRIGGER append_only ON label_box");
  EXPECT_THAT(Verify().breaks(), ElementsAre(HasSubstr("is missing")));
}

TEST_F(CheckpointTest, OnlyItsOwnAreTaken) {
  const auto checkpoint = Make();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status();
  const auto refused = [&](const Checkpoint& given, const std::string& project = "") {
    return ErrorReason(Against(given, project).status());
  };
  Checkpoint other = *checkpoint;
  other.lines = absl::StrReplaceAll(other.lines, {{"image 2 ", "image 6 "}});
  EXPECT_EQ(refused(other), "FORGED_CHECKPOINT") << "lines were changed";
  other.lines = checkpoint->lines.substr(0, checkpoint->lines.rfind("image 5 "));
  EXPECT_EQ(refused(other), "FORGED_CHECKPOINT") << "a line is left out";
  other.lines = absl::StrCat(checkpoint->lines, "image 7 ", std::string(100'000, 'a'), "\n");
  EXPECT_EQ(refused(other), "FORGED_CHECKPOINT") << "a line was added";
  other = *checkpoint;
  other.statement = absl::StrReplaceAll(other.statement, {{"lines 1", "lines 2"}});
  EXPECT_EQ(refused(other), "FORGED_CHECKPOINT") << "the statement was changed";
  for (const std::string statement : {"", "root 1\n", "signature \n", "signature zz\n"}) {
    other.statement = statement;
    EXPECT_EQ(refused(other), "NO_CHECKPOINT") << statement;
  }
  other = *checkpoint;
  other.lines = "something else\n";
  EXPECT_EQ(refused(other), "NO_CHECKPOINT");
  other.lines = "";
  EXPECT_EQ(refused(other), "NO_CHECKPOINT");

  MakeProject(coordinator_.channel(), engineer_, "others", 0);
  EXPECT_EQ(refused(*checkpoint, "others"), "OTHER_PROJECT");
  EXPECT_EQ(refused(*checkpoint, "parts"), "");
  EXPECT_EQ(refused(*checkpoint, "nowhere"), "NO_SUCH_PROJECT");
}

TEST_F(CheckpointTest, ACheckpointOfAnotherCoordinatorIsRefused) {
  TestCoordinator another;
  const std::string engineer = another.Token(v1::ENGINEER);
  MakeProject(another.channel(), engineer, "parts", 0);
  const auto checkpoint = Make();
  ASSERT_TRUE(checkpoint.ok());
  provenance_ = v1::ProvenanceService::NewStub(another.channel());
  token_ = engineer;
  EXPECT_EQ(ErrorReason(Against(*checkpoint).status()), "FORGED_CHECKPOINT");
}

TEST_F(CheckpointTest, ClientsThatAreSilentHoldUpNobody) {
  const auto checkpoint = Make();
  ASSERT_TRUE(checkpoint.ok());
  v1::VerifyHistoryResponse response;
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientWriter<v1::VerifyCheckpointRequest>>> writers;
  v1::VerifyCheckpointRequest message;
  message.set_statement(checkpoint->statement);
  v1::VerifyCheckpointRequest half;  // into the line of the second image
  half.set_lines(checkpoint->lines.substr(0, checkpoint->lines.find("\nimage 2 ") + 5));
  for (int i = 0; i < 4; ++i) {
    contexts.push_back(NewContext(token_));
    contexts.back()->set_deadline(std::chrono::system_clock::now() + std::chrono::minutes(5));
    writers.push_back(provenance_->VerifyCheckpoint(contexts.back().get(), &response));
    ASSERT_TRUE(writers.back()->Write(message) && writers.back()->Write(half));
  }
  for (int i = 0; i < 50; ++i) ASSERT_EQ(Verify().images(), 3U);
  for (const auto& context : contexts) context->TryCancel();
  for (const auto& writer : writers) writer->Finish();
}

TEST_F(CheckpointTest, OnlyAKeyOfTheCoordinatorsOwnIsTaken) {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "checkpoint.key";
  const auto made = CheckpointKey::Open(file);
  ASSERT_TRUE(made.ok()) << made.status();
  EXPECT_EQ(CheckpointKey::Open(file)->PublicKey(), made->PublicKey());
  const auto refused = [&] { return std::string(CheckpointKey::Open(file).status().message()); };
  for (const auto mode : {std::filesystem::perms::group_read, std::filesystem::perms::others_write}) {
    std::filesystem::permissions(file, mode, std::filesystem::perm_options::add);
    EXPECT_THAT(refused(), HasSubstr("chmod 600 " + file.string()));
    std::filesystem::permissions(file, mode, std::filesystem::perm_options::remove);
  }
  std::filesystem::rename(file, folder.path() / "kept");
  std::filesystem::create_symlink(folder.path() / "kept", file);
  EXPECT_EQ(CheckpointKey::Open(file)->PublicKey(), made->PublicKey());
  std::filesystem::remove(folder.path() / "kept");
  EXPECT_THAT(refused(), HasSubstr("leads to no file"));
  EXPECT_TRUE(std::filesystem::is_symlink(file));
}

// As what the coordinator is in the database.
TEST_F(CheckpointTest, TheServiceCannotTamper) {
  pqxx::connection connection(coordinator_.database().service_url());
  const auto refused = [&](const std::string& statement) {
    pqxx::nontransaction work(connection);
    try {
      work.exec(statement);
    } catch (const pqxx::insufficient_privilege&) {
      return true;
    }
    return false;
  };
  for (const std::string table :
       {"label_revision", "label_box", "outcome", "shown_box", "rejection", "snapshot_item"}) {
    const std::string column = coordinator_.database()
                                   .Sql(absl::StrCat("SELECT attname FROM pg_attribute WHERE attrelid = '",
                                                     table, "'::regclass AND attnum = 2"))[0][0]
                                   .as<std::string>();
    EXPECT_TRUE(refused(absl::StrCat("UPDATE ", table, " SET ", column, " = ", column))) << table;
    EXPECT_TRUE(refused("DELETE FROM " + table)) << table;
    EXPECT_TRUE(refused("TRUNCATE " + table)) << table;
    EXPECT_TRUE(refused("ALTER TABLE " + table + " DISABLE TRIGGER append_only")) << table;
    EXPECT_TRUE(refused("DROP TRIGGER append_only ON " + table)) << table;
    EXPECT_TRUE(refused("CREATE TRIGGER other BEFORE INSERT ON " + table +
                        " FOR EACH ROW EXECUTE FUNCTION refuse_change()"))
        << table;
  }
  for (const std::string statement :
       {"UPDATE task SET score = 0",
        "UPDATE task SET slice = 'random'",
        "UPDATE task SET created_at = now()",
        "DELETE FROM task",
        "TRUNCATE task CASCADE",
        "UPDATE principal SET name = 'somebody'",
        "DELETE FROM principal",
        "UPDATE image SET head_revision_id = NULL",
        "UPDATE image SET truth_revision_id = NULL",
        "UPDATE image SET sha256 = sha256('x')",
        "DELETE FROM image",
        "DELETE FROM snapshot",
        "UPDATE model SET parent_id = NULL",
        "UPDATE model SET round_id = NULL",
        "UPDATE evaluation SET gate = NULL",
        "DELETE FROM evaluation",
        "DELETE FROM class",
        "DELETE FROM model",
        "INSERT INTO label_revision (image_id) VALUES (1)",
        "UPDATE snapshot SET project_id = 2",
        "UPDATE schema_function SET name = 'x'",
        "SET session_replication_role = replica",
        "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; "
        "END'",
        "SET ROLE loupe"}) {
    EXPECT_TRUE(refused(statement)) << statement;
  }
  // A snapshot that has its hash is closed.
  for (const std::string change : {"images = 77", "boxes = 99", "hash = sha256('x')", "hash = NULL"}) {
    pqxx::nontransaction work(connection);
    EXPECT_THROW(work.exec("UPDATE snapshot SET " + change), pqxx::sql_error) << change;
  }
  // Nobody but the service may call what has the owner's rights.
  EXPECT_EQ(coordinator_.database()
                .Sql("SELECT string_agg(proname, ' ') FROM pg_proc WHERE prosecdef AND pronamespace IN "
                     "('public'::regnamespace, 'provenance'::regnamespace) AND (proacl IS NULL OR EXISTS "
                     "(SELECT FROM aclexplode(proacl) WHERE grantee = 0))")[0][0]
                .as<std::string>("none"),
            "none");
  // It can call what moves the end of a chain; but it can't put another table in the way of it.
  EXPECT_EQ(Verify().breaks_total(), 0U);
}

}  // namespace
}  // namespace loupe
