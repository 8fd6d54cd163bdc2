#include "db/statements.h"

#include <gtest/gtest.h>

#include <set>

#include <pqxx/connection>

#include "tests/support/test_database.h"

namespace loupe {
namespace {

TEST(StatementsTest, PostgresUnderstandsEveryStatement) {
  TestDatabase database;
  pqxx::connection connection(database.url());
  std::set<std::string> names;
  for (const Statement& statement : Statements()) {
    EXPECT_TRUE(names.insert(statement.name).second) << statement.name << " is there twice";
    connection.prepare(statement.name, statement.sql);
    EXPECT_NO_THROW(connection.prepare_now(statement.name)) << statement.name;
  }
  EXPECT_GT(names.size(), 50U);
}

TEST(StatementsTest, MigrationsCountFromOne) {
  int expected = 0;
  for (const Migration& migration : Migrations()) EXPECT_EQ(migration.version, ++expected) << migration.name;
}

}  // namespace
}  // namespace loupe
