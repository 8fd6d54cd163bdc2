#include "db/stores/kept_answer_store.h"

#include "db/rows/message_row.h"
#include "db/transaction.h"

namespace loupe {

std::optional<KeptAnswerRow> FindKeptAnswer(Transaction& transaction, const std::string& question,
                                            absl::Time oldest) {
  const pqxx::result rows = transaction.Exec("SelectKeptAnswer", SqlBytes{question}, oldest);
  if (rows.empty()) return std::nullopt;
  return KeptAnswerRow{BytesOf(rows[0]["answer"]), TimeOf(TimestampOf(rows[0]["computed_at"]))};
}

void PutKeptAnswer(Transaction& transaction, const std::string& question, const KeptAnswerRow& row,
                   absl::Time oldest) {
  transaction.Exec("PutKeptAnswer", SqlBytes{question}, SqlBytes{row.answer}, row.computed_at, oldest);
}

}  // namespace loupe
