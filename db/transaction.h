// A transaction as stores use it: statements by name, and COPY. Only stores include this file; everybody else
// includes db/database.h.
#pragma once

#include <array>
#include <string>
#include <vector>

#include <pqxx/dbtransaction>
#include <pqxx/result>
#include <pqxx/stream_to>

#include "db/sql_value.h"

namespace loupe {

class Transaction {
 public:
  explicit Transaction(pqxx::dbtransaction& work) : work_(work) {}
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  // Runs the statement that db/queries/ holds under this name. Parameters: numbers, texts, bool, ids, Sha256,
  // SqlBytes, absl::Time, std::vector of these (an array) and std::optional of these.
  // Throws pqxx's exceptions; Database::Transact turns them into a status.
  template <typename... Args>
  pqxx::result Exec(const char* statement, const Args&... args) {
    return work_.exec_prepared(statement, ToSql(args)...);
  }

 private:
  friend class CopyIn;
  pqxx::dbtransaction& work_;
};

// COPY into a table: the fast way to insert many rows. Call Finish() at the end; until then nothing else may
// use the transaction.
class CopyIn {
 public:
  CopyIn(Transaction& transaction, const char* table, const std::vector<std::string>& columns)
      : stream_(transaction.work_, table, columns) {}

  // One value per column.
  template <typename... Args>
  void Row(const Args&... args) {
    stream_ << std::array<SqlText, sizeof...(Args)>{ToSql(args)...};
  }

  void Finish() { stream_.complete(); }

 private:
  pqxx::stream_to stream_;
};

}  // namespace loupe
