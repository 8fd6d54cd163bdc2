// The database's list of strategies against the one in recipe/strategies.h.
#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <string>
#include <vector>

#include "recipe/strategies.h"
#include "tests/support/test_database.h"

namespace loupe {
namespace {

TEST(StrategyCheckTest, TheDatabaseKnowsEveryStrategyAndNoOther) {
  TestDatabase database;
  const pqxx::result checks = database.Sql(
      "SELECT pg_get_constraintdef(oid) FROM pg_constraint"
      " WHERE conrelid = 'project'::regclass AND contype = 'c' AND pg_get_constraintdef(oid) LIKE "
      "'%strategy%'");
  ASSERT_EQ(checks.size(), 1u);
  const std::string check = checks[0][0].as<std::string>();
  std::vector<std::string> known;
  const std::regex literal("'([^']+)'");
  for (std::sregex_iterator match(check.begin(), check.end(), literal), end; match != end; ++match) {
    known.push_back((*match)[1]);
  }
  std::vector<std::string> names(kStrategyNames.begin(), kStrategyNames.end());
  std::sort(known.begin(), known.end());
  std::sort(names.begin(), names.end());
  EXPECT_EQ(known, names) << check;
}

}  // namespace
}  // namespace loupe
