// A real PostgreSQL for one test binary, and a database in it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <pqxx/connection>
#include <pqxx/result>

#include "db/database.h"
#include "db/private_postgres/private_postgres.h"

namespace loupe {

// A new folder below the system's temporary one, removed with all that is in it.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// The server that all tests of this binary share; started when it is first asked for, stopped at exit.
PrivatePostgres& TestPostgres();

// A migrated database with a random name; dropped at the end.
class TestDatabase {
 public:
  TestDatabase();
  ~TestDatabase();
  TestDatabase(const TestDatabase&) = delete;
  TestDatabase& operator=(const TestDatabase&) = delete;

  // As the owner of its tables, who is a superuser.
  const std::string& url() const { return url_; }
  // As the role that coordinators run as.
  const std::string& service_url() const { return service_url_; }
  Database& get() { return *database_; }

  // Statements of a test's own, as the database's superuser.
  pqxx::result Sql(const std::string& statements);

 private:
  std::string name_;
  std::string url_;
  std::string service_url_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<pqxx::connection> connection_;
};

}  // namespace loupe
