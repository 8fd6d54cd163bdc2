// Answers that take long to compute, kept for dashboards.
#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"

namespace loupe {

class Transaction;

struct KeptAnswerRow {
  std::string answer;  // a serialized message
  absl::Time computed_at;
};

// nullopt: none was computed at `oldest` or later.
std::optional<KeptAnswerRow> FindKeptAnswer(Transaction& transaction, const std::string& question,
                                            absl::Time oldest);

// Unless a later one is there. Drops those of other questions that were computed before `oldest`, and all but
// the latest thousand.
void PutKeptAnswer(Transaction& transaction, const std::string& question, const KeptAnswerRow& row,
                   absl::Time oldest);

}  // namespace loupe
