#include "db/statements.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace loupe {
namespace {

std::vector<Statement> ReadStatements() {
  std::vector<Statement> statements;
  for (const EmbeddedFile* file = kQueryFiles; file->name != nullptr; ++file) {
    bool in_statement = false;
    for (absl::string_view line : absl::StrSplit(file->text, '\n')) {
      if (absl::ConsumePrefix(&line, "-- name: ")) {
        statements.push_back({std::string(absl::StripAsciiWhitespace(line)), ""});
        in_statement = true;
      } else if (in_statement) {
        statements.back().sql.append(line.data(), line.size()).append(1, '\n');
      }
    }
  }
  for (Statement& statement : statements) {
    // PREPARE takes one statement without its semicolon.
    absl::string_view sql = absl::StripAsciiWhitespace(statement.sql);
    absl::ConsumeSuffix(&sql, ";");
    statement.sql = std::string(sql);
  }
  return statements;
}

std::vector<Migration> ReadMigrations() {
  std::vector<Migration> migrations;
  for (const EmbeddedFile* file = kMigrationFiles; file->name != nullptr; ++file) {
    const std::string_view name(file->name);
    int version = 0;
    std::from_chars(name.data(), name.data() + name.size(), version);
    migrations.push_back({version, std::string(name), file->text});
  }
  std::sort(migrations.begin(), migrations.end(),
            [](const Migration& a, const Migration& b) { return a.version < b.version; });
  return migrations;
}

}  // namespace

const std::vector<Statement>& Statements() {
  static const auto& statements = *new std::vector<Statement>(ReadStatements());
  return statements;
}

const std::vector<Migration>& Migrations() {
  static const auto& migrations = *new std::vector<Migration>(ReadMigrations());
  return migrations;
}

}  // namespace loupe
