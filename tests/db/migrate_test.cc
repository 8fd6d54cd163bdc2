#include "db/migrate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include <pqxx/nontransaction>

#include "absl/strings/str_cat.h"
#include "db/statements.h"
#include "proto/error_info.h"
#include "tests/support/test_database.h"

namespace loupe {
namespace {

using testing::Contains;
using testing::IsSupersetOf;
using testing::Key;
using testing::Not;

// The last migration of the release whose functions were part of the migrations.
constexpr int kLastWithoutFunctionFiles = 5;

// Function name -> version of its row in pg_proc. Every change of a function, also to the same text, gives
// its row another version.
std::map<std::string, std::string> FunctionVersions(pqxx::connection& connection) {
  pqxx::nontransaction work(connection);
  std::map<std::string, std::string> versions;
  for (const auto& row : work.exec("SELECT proname, xmin::text || ctid::text FROM pg_proc "
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

  // Takes everything out of the database, and makes it as the release before db/functions/ left it.
  void MakeOfTheReleaseBefore() {
    database_.Sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    database_.Sql(
        "CREATE TABLE schema_migration (version int PRIMARY KEY, name text NOT NULL, "
        "applied_at timestamptz NOT NULL DEFAULT now())");
    for (const Migration& migration : Migrations()) {
      if (migration.version > kLastWithoutFunctionFiles) continue;
      database_.Sql(std::string(migration.sql));
      database_.Sql(absl::StrCat("INSERT INTO schema_migration (version, name) VALUES (", migration.version,
                                 ", '", migration.name, "')"));
    }
    for (const EmbeddedFile* file = kFunctionFiles; file->name != nullptr; ++file) {
      database_.Sql(file->text);
    }
    database_.Sql(
        "DROP FUNCTION submit_correction; "
        "CREATE FUNCTION answer_task(bigint) RETURNS int LANGUAGE sql AS 'SELECT 1'");
  }

  TestDatabase database_;
};

TEST_F(MigrateTest, ANewDatabaseHasEveryFunctionAndTrigger) {
  EXPECT_THAT(Versions(),
              IsSupersetOf({Key("append_revision"), Key("box_iou"), Key("box_text"), Key("claim_tasks"),
                            Key("first_open_position"), Key("refuse_change"), Key("refuse_image_change"),
                            Key("rejection_text"), Key("revision_details"), Key("revision_hash"),
                            Key("submit_correction")}));
  EXPECT_EQ(database_.Sql("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal")[0][0].as<int>(), 4);
  EXPECT_EQ(database_.Sql("SELECT count(*) FROM schema_function")[0][0].as<int>(), CountOfFunctionFiles());
}

TEST_F(MigrateTest, FunctionsKeepTheirPlannerSettings) {
  const pqxx::result settings = database_.Sql(
      "SELECT proconfig::text FROM pg_proc WHERE proname IN ('claim_tasks', 'first_open_position')");
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
  EXPECT_NE(after["first_open_position"], before["first_open_position"]);
  before.erase("first_open_position");
  after.erase("first_open_position");
  EXPECT_EQ(after, before);
  const auto settled = Versions();
  ASSERT_TRUE(Migrate(database_.url()).ok());
  EXPECT_EQ(Versions(), settled) << "its new hash was kept";
}

TEST_F(MigrateTest, ADatabaseOfTheReleaseBeforeGetsTheFunctionsOfToday) {
  const auto functions_today = Versions();
  MakeOfTheReleaseBefore();
  database_.Sql(
      "CREATE OR REPLACE FUNCTION first_open_position(the_ranking bigint, begin_at bigint) "
      "RETURNS bigint LANGUAGE sql AS 'SELECT -1::bigint'");
  ASSERT_THAT(Versions(), Contains(Key("answer_task")));
  const absl::Status migrated = Migrate(database_.url());
  ASSERT_TRUE(migrated.ok()) << migrated;
  const auto after = Versions();
  for (const auto& [name, version] : functions_today) EXPECT_THAT(after, Contains(Key(name)));
  EXPECT_THAT(after, Contains(Key("answer_task"))) << "coordinators of the release before still call it";
  EXPECT_EQ(after.size(), functions_today.size() + 1);
  EXPECT_EQ(database_.Sql("SELECT first_open_position(1, 0)")[0][0].as<int>(), 0);
  EXPECT_EQ(database_.Sql("SELECT count(*) FROM schema_function")[0][0].as<int>(), CountOfFunctionFiles());
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
            kLastWithoutFunctionFiles);
}

TEST_F(MigrateTest, ANewerDatabaseIsRefused) {
  database_.Sql("INSERT INTO schema_migration VALUES (9999, 'of a newer program')");
  const absl::Status refused = Migrate(database_.url());
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ErrorReason(refused), "NEWER_DATABASE");
}

}  // namespace
}  // namespace loupe
