#include "db/label_errors/label_error_store.h"
#include "db/stores/job_store.h"
#include "db/stores/task_store.h"
#include "recipe/recipe.h"
#include "server/rounds/round_steps.h"

namespace loupe {
namespace {

constexpr char kReviewReason[] = "a model sees something else than these labels say";

}  // namespace

absl::Status FinishChecking(Database& database, const OpenRound& open) {
  return database.Transact({"FinishChecking", Database::kLongest},
                           [&](Transaction& transaction) -> absl::Status {
                             if (!TryLockRound(transaction, open.id, RoundState::kChecking))
                               return absl::OkStatus();
                             if (!AllDone(transaction, open.id, v1::FIND_LABEL_ERRORS))
                               return absl::OkStatus();
                             const absl::StatusOr<RoundRow> round = ReadRound(transaction, open);
                             if (!round.ok()) return round.status();
                             const absl::StatusOr<v1::Recipe> recipe = ParseStoredRecipe(round->recipe);
                             if (!recipe.ok()) return recipe.status();
                             const std::vector<ImageId> images =
                                 FindImagesWithErrors(transaction, open.id, recipe->label_errors().reviews());
                             RequestTasks(transaction, open.project, images, v1::REVIEW, PrincipalId(),
                                          kReviewReason, round->submitted_by);
                             SetRoundState(transaction, open.id, RoundState::kDone);
                             return absl::OkStatus();
                           });
}

}  // namespace loupe
