#include "db/migrate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <pqxx/nontransaction>

#include "absl/strings/str_cat.h"
#include "db/rows/message_row.h"
#include "db/statements.h"
#include "loupe/v1/round.pb.h"
#include "proto/error_info.h"
#include "tests/support/test_database.h"

namespace loupe {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsSupersetOf;
using testing::Key;

// The last migration of the release whose functions functions_of_0007.sql holds.
constexpr int kLastOfTheReleaseBefore = 7;

// Function name and number of arguments -> version of its row in pg_proc. Every change of a function, also to
// the same text, gives its row another version.
std::map<std::string, std::string> FunctionVersions(pqxx::connection& connection) {
  pqxx::nontransaction work(connection);
  std::map<std::string, std::string> versions;
  for (const auto& row : work.exec("SELECT proname || '/' || pronargs, xmin::text || ctid::text FROM pg_proc "
                                   "WHERE pronamespace = 'public'::regnamespace")) {
    versions[row[0].as<std::string>()] = row[1].as<std::string>();
  }
  return versions;
}

int CountOfFunctionFiles() {
  int count = 0;
  for (const EmbeddedFile* file = kFunctionFiles; file->name != nullptr; ++file) ++count;
  return count;
}

class MigrateTest : public testing::Test {
 protected:
  std::map<std::string, std::string> Versions() {
    pqxx::connection connection(database_.url());
    return FunctionVersions(connection);
  }

  // Takes everything out of the database, and makes it as the release before left it.
  void MakeOfTheReleaseBefore() {
    database_.Sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    database_.Sql(
        "CREATE TABLE schema_migration (version int PRIMARY KEY, name text NOT NULL, "
        "applied_at timestamptz NOT NULL DEFAULT now())");
    for (const Migration& migration : Migrations()) {
      if (migration.version > kLastOfTheReleaseBefore) continue;
      database_.Sql(std::string(migration.sql));
      database_.Sql(absl::StrCat("INSERT INTO schema_migration (version, name) VALUES (", migration.version,
                                 ", '", migration.name, "')"));
    }
    database_.Sql(ReadSource("tests/db/functions_of_0007.sql"));
  }

  static std::string ReadSource(const std::string& name) {
    std::ostringstream text;
    text << std::ifstream(std::string(std::getenv("LOUPE_SOURCE")) + "/" + name).rdbuf();
    EXPECT_FALSE(text.str().empty()) << name;
    return text.str();
  }

  int64_t Number(const std::string& sql) { return database_.Sql(sql).at(0)[0].as<int64_t>(); }
  std::string Text(const std::string& sql) { return database_.Sql(sql).at(0)[0].as<std::string>(); }

  TestDatabase database_;
};

TEST_F(MigrateTest, ANewDatabaseHasEveryFunctionAndTrigger) {
  EXPECT_THAT(
      Versions(),
      IsSupersetOf({Key("append_revision/19"), Key("box_text/10"), Key("claim_tasks/5"),
                    Key("first_open_position/2"), Key("refuse_change/0"), Key("refuse_image_change/0"),
                    Key("rejection_text/7"), Key("revision_details/1"), Key("revision_hash/11"),
                    Key("revision_hash_2/2"), Key("revision_hash_3/3"), Key("submit_correction/14")}));
  EXPECT_EQ(Number("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal"), 13);
  EXPECT_EQ(database_.Sql("SELECT count(*) FROM schema_function")[0][0].as<int>(), CountOfFunctionFiles());
}

TEST_F(MigrateTest, FunctionsKeepTheirPlannerSettings) {
  const pqxx::result settings = database_.Sql(
      "SELECT proconfig::text FROM pg_proc WHERE proname = 'first_open_position' "
      "OR (proname = 'claim_tasks' AND pronargs = 5)");
  ASSERT_EQ(settings.size(), 2U);
  for (const auto& row : settings) {
    EXPECT_THAT(row[0].as<std::string>(), testing::HasSubstr("enable_seqscan=off"));
    EXPECT_THAT(row[0].as<std::string>(), testing::HasSubstr("plan_cache_mode=force_generic_plan"));
  }
}

TEST_F(MigrateTest, WhatIsUpToDateStaysUntouched) {
  const auto before = Versions();
  const auto triggers = [&] {
    return database_.Sql("SELECT string_agg(xmin::text, ',' ORDER BY oid) FROM pg_trigger")[0][0]
        .as<std::string>();
  };
  const std::string triggers_before = triggers();
  ASSERT_TRUE(Migrate(database_.url()).ok());
  EXPECT_EQ(Versions(), before);
  EXPECT_EQ(triggers(), triggers_before);
}

TEST_F(MigrateTest, AChangedFunctionIsReplacedAndNoOther) {
  auto before = Versions();
  database_.Sql(
      "CREATE OR REPLACE FUNCTION first_open_position(the_ranking bigint, begin_at bigint) "
      "RETURNS bigint LANGUAGE sql AS 'SELECT -1::bigint'; "
      "UPDATE schema_function SET sha256 = sha256('another content') WHERE name = 'first_open_position'");
  ASSERT_EQ(database_.Sql("SELECT first_open_position(1, 0)")[0][0].as<int>(), -1);
  ASSERT_TRUE(Migrate(database_.url()).ok());
  EXPECT_EQ(database_.Sql("SELECT first_open_position(1, 0)")[0][0].as<int>(), 0);
  auto after = Versions();
  EXPECT_NE(after["first_open_position/2"], before["first_open_position/2"]);
  before.erase("first_open_position/2");
  after.erase("first_open_position/2");
  EXPECT_EQ(after, before);
  const auto settled = Versions();
  ASSERT_TRUE(Migrate(database_.url()).ok());
  EXPECT_EQ(Versions(), settled) << "its new hash was kept";
}

TEST_F(MigrateTest, ADatabaseOfTheReleaseBeforeGetsTheFunctionsOfToday) {
  const auto functions_today = Versions();
  MakeOfTheReleaseBefore();
  const absl::Status migrated = Migrate(database_.url());
  ASSERT_TRUE(migrated.ok()) << migrated;
  const auto after = Versions();
  for (const auto& [name, version] : functions_today) EXPECT_THAT(after, Contains(Key(name)));
  EXPECT_EQ(after.size(), functions_today.size());
  EXPECT_EQ(Number("SELECT count(*) FROM schema_function"), CountOfFunctionFiles());
}

// A project of the release before: image 1 is imported, 2 answered with a model's boxes and corrected late, 3
// of the holdout answered blind, 4 open.
constexpr char kLabelledProject[] = R"sql(
INSERT INTO principal (name, role, token_hash) VALUES ('someone', 'annotator', sha256('token'));
INSERT INTO project (name, seed, holdout_fraction, holdout_target, strategy)
VALUES ('parts', 1, 0.2, 10, 'combined');
INSERT INTO class (project_id, label, name) VALUES (1, 1, 'dent'), (1, 2, 'scratch');
INSERT INTO image (project_id, sha256, file_name, width, height, size_bytes, media_type, sampling_key, side)
SELECT 1, sha256(n::text::bytea), n || '.png', 64, 64, 1, 'image/png', n / 10.0,
       CASE n WHEN 3 THEN 'holdout' ELSE 'pool' END
FROM generate_series(1, 4) n;
INSERT INTO model (project_id, number, name, preset, state, weights_sha256, weights_bytes)
VALUES (1, 1, 'first', 'small', 'serving', sha256('first'), 1);
INSERT INTO prediction (model_id, image_id, corners, labels, scores, runner_up_labels, runner_up_scores,
                        background_scores, agreements, embedding, max_foreground_score)
SELECT 1, id, '{1,1,9,9, 20,20,30,30, 40,40,50,50}', '{1,2,1}', '{0.9,0.5,0.2}', '{2,1,2}', '{0.1,0.1,0.1}',
       '{0,0.4,0.7}', '{}', '\x0000', 0.9 FROM image;
INSERT INTO ranking (project_id, generation, model_id, strategy, seed, state, activated_at)
VALUES (1, 1, 1, 'combined', 1, 'active', now());
INSERT INTO ranking_entry VALUES (1, 0, 2, 'pool', 'uncertain', 0.7, NULL, false),
                                 (1, 1, 3, 'holdout', 'holdout', NULL, NULL, true),
                                 (1, 2, 4, 'pool', 'uncertain', 0.6, NULL, false);
SELECT append_revision(1, 'import', 1, NULL, false, false, 1500, '{5,5,15,15}', '{2}', '{imported}',
                       '{false}', '{-1}', '{}', '{}', '{}', '{}');
SELECT claim_tasks(1, 1, 3, '1 hour');
SELECT submit_correction(1, false, 4000, '{1,1,9,9}', '{1}', '{accepted}', '{false}', '{0}', '{1}', '{2}',
                         '{0.5}', '{20,20,30,30}');
SELECT append_revision(2, 'import', 1, NULL, false, false, 0, '{1,1,9,10}', '{1}', '{imported}', '{false}',
                       '{-1}', '{}', '{}', '{}', '{}');
SELECT submit_correction(2, false, 3000, '{30,30,40,40}', '{2}', '{drawn}', '{false}', '{-1}', '{}', '{}',
                         '{}', '{}');
INSERT INTO snapshot (project_id, images, boxes) VALUES (1, 2, 2);
INSERT INTO snapshot_item (snapshot_id, image_id, revision_id)
SELECT 1, id, head_revision_id FROM image WHERE side = 'pool' AND head_revision_id IS NOT NULL;
)sql";

TEST_F(MigrateTest, LabelsOfTheReleaseBeforeStayAsTheyAre) {
  MakeOfTheReleaseBefore();
  database_.Sql(kLabelledProject);
  const std::string kTruth =
      "SELECT string_agg(concat_ws(' ', image.id, box_id, label, x1, y1, x2, y2, origin), ';' ORDER BY "
      "image.id) "
      "FROM image JOIN label_box ON revision_id = ";
  const std::string truth = Text(kTruth + "head_revision_id");
  const std::string hashes = Text("SELECT string_agg(hash::text, ',' ORDER BY id) FROM label_revision");
  const absl::Status migrated = Migrate(database_.url());
  ASSERT_TRUE(migrated.ok()) << migrated;
  EXPECT_EQ(Text(kTruth + "truth_revision_id"), truth);
  EXPECT_EQ(Text("SELECT string_agg(hash::text, ',' ORDER BY id) FROM label_revision"), hashes);
  EXPECT_EQ(Number("SELECT count(*) FROM label_revision JOIN image ON image.id = image_id "
                   "WHERE expected_hash(label_revision, sha256) = hash"),
            4);
  EXPECT_EQ(Number("SELECT count(*) FROM snapshot_item"), 2);
  EXPECT_EQ(Text("SELECT string_agg(concat_ws(' ', snapshot_id, author_id, blind, counted, number), ';' "
                 "ORDER BY counted) FROM snapshot_count"),
            "1 1 f image 2;1 1 f imported 2");
  EXPECT_EQ(Text("SELECT concat_ws(' ', spent_ms, timed_images) FROM snapshot"), "1500 1");
  // What was shown, and what became of it, is told as today.
  EXPECT_EQ(
      Text("SELECT string_agg(concat_ws(' ', task_id, ordinal, label, score), ';' ORDER BY task_id, ordinal) "
           "FROM shown_box"),
      "1 0 1 0.9;1 1 2 0.5;3 0 1 0.9;3 1 2 0.5")
      << "the open task's too";
  EXPECT_EQ(Text("SELECT string_agg(concat_ws(' ', shown_ordinal, outcome), ';' ORDER BY shown_ordinal) FROM "
                 "outcome"),
            "0 accepted;1 rejected");
  EXPECT_EQ(Text("SELECT string_agg(concat_ws(' ', image_id, principal_id, boxes, spent_ms), ';' "
                 "ORDER BY image_id) FROM answer"),
            "2 1 1 4000;3 1 1 3000");
}

TEST_F(MigrateTest, DecisionsOfTheReleaseBeforeAreKept) {
  MakeOfTheReleaseBefore();
  database_.Sql(kLabelledProject);
  // Gates as that release stored them; the second field is the model's number.
  database_.Sql(R"sql(
      INSERT INTO round (project_id, number, state, recipe, snapshot_id, submitted_by, model_id, ended_at)
      SELECT 1, n, 'done', '', 1, 1, 1, now() FROM generate_series(1, 6) n;
      INSERT INTO evaluation (model_id, round_id, result, gate)
      SELECT 1, n, '', CASE WHEN n < 6 THEN '\x0a' || set_byte('\x00', 0, length(outcome))
                                            || convert_to(outcome, 'UTF8') || '\x1007'::bytea END
      FROM unnest(ARRAY['first', 'passed', 'held', 'not judged', 'of a fork', ''])
           WITH ORDINALITY known (outcome, n);
      UPDATE ranking SET eligible = 10;
      INSERT INTO image (project_id, sha256, file_name, width, height, size_bytes, media_type,
                         sampling_key, side)
      SELECT 1, sha256(n::text::bytea), n || '.png', 64, 64, 1, 'image/png', 0.9, 'pool'
      FROM generate_series(11, 14) n;
      INSERT INTO ranking_entry
      SELECT 1, n, (SELECT id FROM image WHERE file_name = n || '.png'), 'pool', 'random', NULL,
             CASE WHEN n < 13 THEN 0.2 ELSE 1 END, true
      FROM generate_series(11, 14) n;)sql");
  const absl::Status migrated = Migrate(database_.url());
  ASSERT_TRUE(migrated.ok()) << migrated;
  std::vector<v1::GateOutcome> outcomes;
  for (const auto& row :
       database_.Sql("SELECT gate FROM evaluation WHERE gate IS NOT NULL ORDER BY round_id")) {
    v1::Gate gate;
    ParseMessage(row[0], gate);
    outcomes.push_back(gate.outcome());
    EXPECT_EQ(gate.against_model(), 7u);
  }
  EXPECT_THAT(outcomes, ElementsAre(v1::GATE_FIRST, v1::GATE_PASSED, v1::GATE_HELD, v1::GATE_NOT_JUDGED,
                                    v1::GATE_OUTCOME_UNSPECIFIED));
  EXPECT_EQ(Number("SELECT random_entries FROM ranking"), 2)
      << "those that were appended are none of its draw";
}

TEST_F(MigrateTest, CoordinatorsOfTheReleaseBeforeGoOn) {
  MakeOfTheReleaseBefore();
  database_.Sql(kLabelledProject);
  ASSERT_TRUE(Migrate(database_.url()).ok());
  database_.Sql(
      "SELECT submit_correction(3, false, 2000, '{1,1,9,9}', '{1}', '{accepted}', '{false}', '{0}', '{1}', "
      "'{2}', "
      "'{0.5}', '{20,20,30,30}')");
  EXPECT_EQ(Text("SELECT string_agg(outcome, ' ' ORDER BY shown_ordinal) FROM outcome "
                 "JOIN label_revision ON label_revision.id = revision_id WHERE image_id = 4"),
            "accepted dropped");
  EXPECT_EQ(Number("SELECT spent_ms FROM answer WHERE image_id = 4 AND boxes = 1"), 2000);
  database_.Sql(
      "SELECT append_revision(4, 'import', 1, NULL, false, false, 0, '{1,1,9,9}', '{1}', '{imported}', "
      "'{false}', "
      "'{-1}', '{}', '{}', '{}', '{}')");
  EXPECT_EQ(Number("SELECT count(*) FROM image WHERE id = 4 AND head_revision_id = truth_revision_id"), 1);
  EXPECT_EQ(Number("SELECT count(*) FROM label_revision JOIN image ON image.id = image_id "
                   "WHERE expected_hash(label_revision, sha256) IS DISTINCT FROM hash"),
            0);
}

TEST_F(MigrateTest, AFailureLeavesTheDatabaseAsItWas) {
  MakeOfTheReleaseBefore();
  // No CREATE OR REPLACE changes a function's result.
  database_.Sql(
      "DROP FUNCTION first_open_position; "
      "CREATE FUNCTION first_open_position(the_ranking bigint, begin_at bigint) RETURNS text "
      "LANGUAGE sql AS 'SELECT NULL::text'");
  const auto before = Versions();
  EXPECT_EQ(Migrate(database_.url()).code(), absl::StatusCode::kInternal);
  EXPECT_EQ(Versions(), before);
  EXPECT_EQ(database_.Sql("SELECT max(version) FROM schema_migration")[0][0].as<int>(),
            kLastOfTheReleaseBefore);
}

TEST_F(MigrateTest, ANewerDatabaseIsRefused) {
  database_.Sql("INSERT INTO schema_migration VALUES (9999, 'of a newer program')");
  const absl::Status refused = Migrate(database_.url());
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrorReason(refused), "NEWER_DATABASE");
}

}  // namespace
}  // namespace loupe
