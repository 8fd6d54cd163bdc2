#include "tests/support/test_database.h"

#include <unistd.h>

#include <cstdlib>
#include <stdexcept>

#include <pqxx/nontransaction>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "db/migrate.h"

namespace loupe {
namespace {

void Require(const absl::Status& status) {
  if (!status.ok()) throw std::runtime_error(status.ToString());
}

}  // namespace

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "loupe-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  path_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

PrivatePostgres& TestPostgres() {
  static TemporaryFolder folder;
  static const std::unique_ptr<PrivatePostgres> postgres = [] {
    auto started = PrivatePostgres::Start(folder.path());
    Require(started.status());
    return *std::move(started);
  }();
  return *postgres;
}

TestDatabase::TestDatabase()
    : name_(absl::StrCat("test_", absl::Hex(absl::Uniform<uint64_t>(absl::BitGen())))) {
  Require(CreateDatabase(TestPostgres().Url("postgres"), name_));
  url_ = TestPostgres().Url(name_);
  Require(Migrate(url_));
  Require(PrepareServiceRole(url_, ""));
  service_url_ = TestPostgres().ServiceUrl(name_);
  database_ = std::make_unique<Database>(service_url_);
  connection_ = std::make_unique<pqxx::connection>(url_);
}

TestDatabase::~TestDatabase() {
  connection_.reset();
  database_.reset();
  const absl::Status dropped = DropDatabase(TestPostgres().Url("postgres"), name_);
  if (!dropped.ok()) std::abort();
}

pqxx::result TestDatabase::Sql(const std::string& statements) {
  pqxx::nontransaction work(*connection_);
  return work.exec(statements);
}

}  // namespace loupe
