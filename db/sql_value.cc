#include "db/sql_value.h"

#include <array>
#include <charconv>
#include <tuple>

#include <pqxx/array>
#include <pqxx/except>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace loupe {
namespace {

template <typename T>
SqlText Shortest(T value) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {std::string(buffer.data(), end)};
}

// The elements of an array of numbers, whose text is e.g. {1,2.5,NaN}.
std::vector<absl::string_view> NumbersOf(const pqxx::field& field) {
  absl::string_view text(field.c_str(), field.size());
  if (field.is_null() || text.size() < 2) throw pqxx::conversion_error("not an array");
  text = text.substr(1, text.size() - 2);
  if (text.empty()) return {};
  return absl::StrSplit(text, ',');
}

}  // namespace

SqlText ToSql(std::string_view text) { return {std::string(text)}; }
SqlText ToSql(bool value) { return {value ? "t" : "f"}; }
SqlText ToSql(double value) { return Shortest(value); }
SqlText ToSql(float value) { return Shortest(value); }
SqlText ToSql(SqlBytes value) {
  return {
      absl::StrCat("\\x", absl::BytesToHexString(absl::string_view(value.bytes.data(), value.bytes.size())))};
}
SqlText ToSql(const Sha256& hash) { return {"\\x" + ToHex(hash)}; }
SqlText ToSql(absl::Time time) {
  return {absl::FormatTime("%Y-%m-%d %H:%M:%E6S+00", time, absl::UTCTimeZone())};
}

SqlText ToSqlArray(const std::vector<SqlText>& elements) {
  std::string array = "{";
  for (const SqlText& element : elements) {
    if (array.size() > 1) array += ',';
    array += '"';
    for (const char c : element.text.value()) {
      if (c == '"' || c == '\\') array += '\\';
      array += c;
    }
    array += '"';
  }
  array += '}';
  return {std::move(array)};
}

std::string BytesOf(const pqxx::field& field) {
  if (field.is_null()) throw pqxx::conversion_error("a bytea is NULL");
  const absl::string_view text(field.c_str(), field.size());
  if (!absl::StartsWith(text, "\\x")) throw pqxx::conversion_error("not a bytea");
  return absl::HexStringToBytes(text.substr(2));
}

Sha256 Sha256Of(const pqxx::field& field) {
  const auto hash = FromBytes(BytesOf(field));
  if (!hash.has_value()) throw pqxx::conversion_error("not a SHA-256");
  return *hash;
}

absl::Time TimeOf(const pqxx::field& field) {
  absl::Time time;
  std::string error;
  // Every connection's time zone is UTC, so the offset is always +00.
  if (!absl::ParseTime("%Y-%m-%d %H:%M:%E*S+00", field.as<std::string>(), &time, &error)) {
    throw pqxx::conversion_error(error);
  }
  return time;
}

std::vector<float> FloatsOf(const pqxx::field& field) {
  std::vector<float> numbers;
  for (const absl::string_view text : NumbersOf(field)) {
    if (!absl::SimpleAtof(text, &numbers.emplace_back())) throw pqxx::conversion_error("not a number");
  }
  return numbers;
}

std::vector<double> DoublesOf(const pqxx::field& field) {
  std::vector<double> numbers;
  for (const absl::string_view text : NumbersOf(field)) {
    if (!absl::SimpleAtod(text, &numbers.emplace_back())) throw pqxx::conversion_error("not a number");
  }
  return numbers;
}

std::vector<int64_t> IntegersOf(const pqxx::field& field) {
  std::vector<int64_t> numbers;
  for (const absl::string_view text : NumbersOf(field)) {
    if (!absl::SimpleAtoi(text, &numbers.emplace_back())) throw pqxx::conversion_error("not an integer");
  }
  return numbers;
}

std::vector<std::string> TextsOf(const pqxx::field& field) {
  std::vector<std::string> texts;
  pqxx::array_parser parser = field.as_array();
  for (auto [kind, text] = parser.get_next(); kind != pqxx::array_parser::done;
       std::tie(kind, text) = parser.get_next()) {
    if (kind == pqxx::array_parser::string_value) texts.push_back(text);
  }
  return texts;
}

}  // namespace loupe
