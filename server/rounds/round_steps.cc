#include "server/rounds/round_steps.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "db/stores/job_store.h"
#include "db/stores/model_store.h"

namespace loupe {

absl::StatusOr<RoundRow> ReadRound(Transaction& transaction, const OpenRound& open) {
  std::optional<RoundRow> round = FindRound(transaction, open.project, open.number);
  if (!round.has_value()) return absl::InternalError("a round vanished");
  return *std::move(round);
}

bool AllDone(Transaction& transaction, RoundId round, v1::JobKind kind) {
  return CountJobs(transaction, round, kind).open == 0;
}

void MakeEvaluateJobs(Transaction& transaction, const RoundRow& round, uint32_t shard_size) {
  InsertEvaluateJobs(transaction, round.id, round.project, round.model, shard_size);
  if (const std::optional<ModelRow> serving = FindModel(transaction, round.project, "")) {
    InsertEvaluateJobs(transaction, round.id, round.project, serving->id, shard_size);
  }
}

absl::Status FailOpenRound(Database& database, const OpenRound& open, const std::string& error) {
  return database.Transact({"FailRound", Database::kLongest}, [&](Transaction& transaction) -> absl::Status {
    LockRound(transaction, open.id);
    FailRound(transaction, open.id, error);
    return absl::OkStatus();
  });
}

absl::Status FailAbandonedRound(Database& database, const OpenRound& open) {
  return database.Transact(
      {"FailAbandonedRound", Database::kLongest}, [&](Transaction& transaction) -> absl::Status {
        if (!FindAbandonedJob(transaction, open.id).has_value()) return absl::OkStatus();
        if (!TryLockRound(transaction, open.id, open.state)) return absl::OkStatus();
        // Once more, now that nobody changes it.
        const std::optional<std::string> kind = FindAbandonedJob(transaction, open.id);
        if (!kind.has_value()) return absl::OkStatus();
        FailRound(transaction, open.id,
                  absl::StrCat("a ", *kind, " job was lost ", kMaxJobAttempts,
                               " times without making progress: look at the workers' logs for why they end"));
        return absl::OkStatus();
      });
}

}  // namespace loupe
