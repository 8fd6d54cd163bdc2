// The SQL that is built into the program: the files of db/queries/, db/migrations/ and db/functions/.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace loupe {

struct Statement {
  std::string name;
  std::string sql;
};

// All statements of db/queries/. Each follows its line `-- name: NAME`.
const std::vector<Statement>& Statements();

struct Migration {
  int version = 0;
  std::string name;  // of the file, e.g. 0001_initial
  std::string_view sql;
};

// In order of version.
const std::vector<Migration>& Migrations();

struct EmbeddedFile {
  const char* name;  // without the extension
  const char* text;
};

// Generated from the files by db/embed_sql.cmake, in order of name. Each list ends with a null name.
extern const EmbeddedFile kQueryFiles[];
extern const EmbeddedFile kMigrationFiles[];
extern const EmbeddedFile kFunctionFiles[];

}  // namespace loupe
