// The SQL that is built into the program: db/queries/*.sql and db/migrations/*.sql.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace loupe {

struct Statement {
  std::string name;
  std::string sql;
};

// Every statement of db/queries/, each under its line `-- name: NAME`.
const std::vector<Statement>& Statements();

struct Migration {
  int version = 0;
  std::string name;  // the file's, e.g. 0001_initial
  std::string_view sql;
};

// In order of version.
const std::vector<Migration>& Migrations();

struct EmbeddedFile {
  const char* name;
  const char* text;
};

// Generated from the files by db/embed_sql.cmake; each list ends with a null name.
extern const EmbeddedFile kQueryFiles[];
extern const EmbeddedFile kMigrationFiles[];

}  // namespace loupe
