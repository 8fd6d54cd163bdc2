#include "db/stores/job_store.h"
#include "recipe/recipe.h"
#include "server/rounds/round_steps.h"

namespace loupe {

absl::Status FinishTraining(Database& database, const OpenRound& open) {
  return database.Transact({"FinishTraining", Database::kLongest},
                           [&](Transaction& transaction) -> absl::Status {
                             if (!TryLockRound(transaction, open.id, RoundState::kTraining))
                               return absl::OkStatus();
                             if (!AllDone(transaction, open.id, v1::TRAIN)) return absl::OkStatus();
                             const absl::StatusOr<RoundRow> round = ReadRound(transaction, open);
                             if (!round.ok()) return round.status();
                             const absl::StatusOr<v1::Recipe> recipe = ParseStoredRecipe(round->recipe);
                             if (!recipe.ok()) return recipe.status();
                             SetRoundState(transaction, open.id, RoundState::kEvaluating);
                             MakeEvaluateJobs(transaction, *round, recipe->prediction().shard_size());
                             return absl::OkStatus();
                           });
}

}  // namespace loupe
