#include "db/stores/job_store.h"
#include "server/rounds/round_steps.h"

namespace loupe {

absl::Status FinishPredicting(Database& database, const OpenRound& open) {
  return database.Transact({"FinishPredicting", Database::kLongest},
                           [&](Transaction& transaction) -> absl::Status {
                             if (!TryLockRound(transaction, open.id, RoundState::kPredicting))
                               return absl::OkStatus();
                             if (AllDone(transaction, open.id, v1::PREDICT))
                               SetRoundState(transaction, open.id, RoundState::kRanking);
                             return absl::OkStatus();
                           });
}

}  // namespace loupe
