#include "server/rounds/described_round.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "db/stores/image_store.h"
#include "db/stores/job_store.h"
#include "db/stores/project_store.h"
#include "proto/error_info.h"
#include "recipe/recipe.h"
#include "server/rounds/round_time.h"

namespace loupe {
namespace {

constexpr int kSetAsideListed = 20;

// The kind of job that runs in a state. JOB_KIND_UNSPECIFIED: none does.
v1::JobKind KindOf(RoundState state) {
  switch (state) {
    case RoundState::kTraining:
      return v1::TRAIN;
    case RoundState::kEvaluating:
      return v1::EVALUATE;
    case RoundState::kPredicting:
      return v1::PREDICT;
    case RoundState::kChecking:
      return v1::FIND_LABEL_ERRORS;
    default:
      return v1::JOB_KIND_UNSPECIFIED;
  }
}

}  // namespace

absl::Status NoSuchRound(uint32_t number) {
  return Error(absl::StatusCode::kNotFound, "NO_SUCH_ROUND",
               number == 0 ? "the project has no round yet" : absl::StrCat("there is no round ", number));
}

absl::StatusOr<RoundRow> ReadRow(Transaction& transaction, const std::string& project_name, uint32_t number) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, project_name);
  if (!project.ok()) return project.status();
  std::optional<RoundRow> row = FindRound(transaction, *project, number);
  if (!row.has_value()) return NoSuchRound(number);
  return *std::move(row);
}

v1::Round DescribeRound(Transaction& transaction, RoundRow row) {
  absl::StatusOr<v1::Recipe> recipe = ParseStoredRecipe(row.recipe);
  if (recipe.ok()) *row.message.mutable_recipe() = *std::move(recipe);
  if (const v1::JobKind kind = KindOf(row.state); kind != v1::JOB_KIND_UNSPECIFIED) {
    *row.message.mutable_progress() = ReadProgress(transaction, row.id, kind);
    const WorkersOfRound workers = ReadWorkersOfRound(transaction, row.id);
    row.message.set_waits_for_worker(workers.waits);
    row.message.set_workers(workers.workers);
    const auto left = SecondsLeft(row.message.progress(), row.message.recipe().training());
    if (left.has_value() && !workers.waits) row.message.set_seconds_left(*left);
  }
  SetAsideImages set_aside = ReadSetAside(transaction, row.id, kSetAsideListed);
  for (v1::Image& image : set_aside.first) {
    image.clear_side();  // annotators see rounds, too
    image.clear_sampling_key();
    *row.message.add_set_aside() = std::move(image);
  }
  row.message.set_set_aside_total(set_aside.total);
  return std::move(row.message);
}

}  // namespace loupe
