// Conversions between C++ values and SQL: parameters and COPY fields one way, result fields the other.
// libpqxx 6 takes neither arrays nor std::optional as parameters.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <pqxx/binarystring>
#include <pqxx/result>
#include <pqxx/strconv>

#include "absl/time/time.h"
#include "content/sha256.h"
#include "db/ids.h"

namespace loupe {

// A value in PostgreSQL's text form; nullopt is NULL.
struct SqlText {
  std::optional<std::string> text;
};

// Bytes for a bytea, not text.
struct SqlBytes {
  std::string_view bytes;
};

SqlText ToSql(std::string_view text);
SqlText ToSql(bool value);
SqlText ToSql(double value);  // shortest form that reads back to the same double
SqlText ToSql(float value);
SqlText ToSql(SqlBytes value);  // \x…
SqlText ToSql(const Sha256& hash);
SqlText ToSql(absl::Time time);  // to the microsecond, UTC
inline SqlText ToSql(std::nullopt_t) { return {}; }
inline SqlText ToSql(const char* text) { return ToSql(std::string_view(text)); }
inline SqlText ToSql(const std::string& text) { return ToSql(std::string_view(text)); }

template <std::integral T>
SqlText ToSql(T value) {
  return {std::to_string(value)};
}

template <typename Tag>
SqlText ToSql(Id<Tag> id) {
  return ToSql(id.value());
}

template <typename T>
SqlText ToSql(const std::optional<T>& value) {
  return value.has_value() ? ToSql(*value) : SqlText{};
}

// An array of one dimension. Requires: no element is NULL.
SqlText ToSqlArray(const std::vector<SqlText>& elements);

template <typename T>
requires(!std::same_as<T, SqlText>) SqlText ToSqlArray(const std::vector<T>& values) {
  std::vector<SqlText> elements;
  elements.reserve(values.size());
  for (const auto& value : values) elements.push_back(ToSql(static_cast<const T&>(value)));
  return ToSqlArray(elements);
}

inline SqlText ToSql(const SqlText& value) { return value; }

template <typename T>
SqlText ToSql(const std::vector<T>& values) {
  return ToSqlArray(values);
}

// From fields that must not be NULL. They throw pqxx::conversion_error, which Database::Transact catches.
std::string BytesOf(const pqxx::field& field);
Sha256 Sha256Of(const pqxx::field& field);
absl::Time TimeOf(const pqxx::field& field);  // of a timestamptz; to the microsecond
std::vector<float> FloatsOf(const pqxx::field& field);
std::vector<double> DoublesOf(const pqxx::field& field);
std::vector<int64_t> IntegersOf(const pqxx::field& field);
std::vector<std::string> TextsOf(const pqxx::field& field);

template <typename IdType>
IdType IdOf(const pqxx::field& field) {
  return IdType(field.as<int64_t>());
}

// From fields that may be NULL.
template <typename T>
std::optional<T> Nullable(const pqxx::field& field) {
  if (field.is_null()) return std::nullopt;
  return field.as<T>();
}

}  // namespace loupe

namespace pqxx {

template <>
struct string_traits<loupe::SqlText> {
  static constexpr const char* name() noexcept { return "loupe::SqlText"; }
  static constexpr bool has_null() noexcept { return true; }
  static bool is_null(const loupe::SqlText& value) { return !value.text.has_value(); }
  static loupe::SqlText null() { return {}; }
  static std::string to_string(const loupe::SqlText& value) { return *value.text; }
};

}  // namespace pqxx
