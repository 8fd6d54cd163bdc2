#include "db/sql_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include <pqxx/connection>
#include <pqxx/nontransaction>

#include "tests/support/test_database.h"

namespace loupe {
namespace {

class SqlValueTest : public testing::Test {
 protected:
  // The value as PostgreSQL understood it, of this type.
  pqxx::field Field(const SqlText& value, const std::string& type) {
    pqxx::connection connection(database_.url());
    connection.set_variable("TimeZone", "'UTC'");
    pqxx::nontransaction work(connection);
    result_ = work.exec_params("SELECT $1::" + type, value);
    return result_[0][0];
  }

  TestDatabase database_;
  pqxx::result result_;
};

TEST_F(SqlValueTest, NumbersComeBackToTheBit) {
  const std::vector<float> floats = {0.1F, 1.0F / 3, 3.4e38F, 1e-45F, -0.0F};
  EXPECT_EQ(FloatsOf(Field(ToSql(floats), "real[]")), floats);
  EXPECT_TRUE(FloatsOf(Field(ToSql(std::vector<float>()), "real[]")).empty());
  EXPECT_EQ(Field(ToSql(0.1 + 0.2), "float8").as<double>(), 0.1 + 0.2);
  const std::vector<int64_t> integers = {std::numeric_limits<int64_t>::min(), 0,
                                         std::numeric_limits<int64_t>::max()};
  EXPECT_EQ(IntegersOf(Field(ToSql(integers), "bigint[]")), integers);
}

TEST_F(SqlValueTest, TextsComeBackWhateverTheyHold) {
  const std::vector<std::string> texts = {"", "NULL", "a,b", "{}", "\"quoted\"", "back\\slash", " ü\n"};
  EXPECT_EQ(TextsOf(Field(ToSql(texts), "text[]")), texts);
}

TEST_F(SqlValueTest, BytesAndTimesComeBack) {
  const std::string bytes("\0\x01\xff'\\", 5);
  EXPECT_EQ(BytesOf(Field(ToSql(SqlBytes{bytes}), "bytea")), bytes);
  const absl::Time time = absl::FromUnixMicros(1'700'000'000'123'456);
  EXPECT_EQ(TimeOf(Field(ToSql(time), "timestamptz")), time);
  EXPECT_TRUE(Field(ToSql(std::optional<int>()), "int").is_null());
  EXPECT_EQ(Field(ToSql(std::vector<bool>{true, false}), "boolean[]").as<std::string>(), "{t,f}");
}

TEST_F(SqlValueTest, WhatIsNotThereThrows) {
  EXPECT_THROW(BytesOf(Field(ToSql(std::nullopt), "bytea")), pqxx::conversion_error);
  EXPECT_THROW(FloatsOf(Field(ToSql(std::nullopt), "real[]")), pqxx::conversion_error);
}

}  // namespace
}  // namespace loupe
