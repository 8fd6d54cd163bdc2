#include "server/rounds/round_calls.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "db/stores/job_store.h"
#include "db/stores/model_store.h"
#include "db/stores/project_store.h"
#include "db/stores/request_store.h"
#include "proto/error_info.h"
#include "recipe/recipe.h"
#include "server/rounds/kept_recipe.h"
#include "server/rpc/paging.h"

namespace loupe {
namespace {

absl::Status NoSuchRound(uint32_t number) {
  return Error(absl::StatusCode::kNotFound, "NO_SUCH_ROUND",
               number == 0 ? "the project has no round yet" : absl::StrCat("there is no round ", number));
}

// The kind of job that runs in a state; nothing runs in the others.
v1::JobKind KindOf(RoundState state) {
  switch (state) {
    case RoundState::kTraining:
      return v1::TRAIN;
    case RoundState::kEvaluating:
      return v1::EVALUATE;
    case RoundState::kPredicting:
      return v1::PREDICT;
    default:
      return v1::JOB_KIND_UNSPECIFIED;
  }
}

absl::StatusOr<v1::Round> Describe(Transaction& transaction, RoundRow row) {
  absl::StatusOr<v1::Recipe> recipe = ReadKeptRecipe(row.recipe);
  if (!recipe.ok()) return recipe.status();
  *row.message.mutable_recipe() = *std::move(recipe);
  if (const v1::JobKind kind = KindOf(row.state); kind != v1::JOB_KIND_UNSPECIFIED) {
    *row.message.mutable_progress() = ReadProgress(transaction, row.id, kind);
  }
  return std::move(row.message);
}

absl::StatusOr<RoundRow> ReadRow(Transaction& transaction, const std::string& project_name, uint32_t number) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, project_name);
  if (!project.ok()) return project.status();
  std::optional<RoundRow> row = FindRound(transaction, *project, number);
  if (!row.has_value()) return NoSuchRound(number);
  return *std::move(row);
}

// Errors: FAILED_PRECONDITION (NO_SUCH_MODEL), INVALID_ARGUMENT (BAD_RECIPE: of another preset).
absl::Status CheckInitModel(Transaction& transaction, ProjectId project, const v1::DetectorRecipe& detector) {
  if (detector.init_model().empty()) return absl::OkStatus();
  const std::optional<ModelRow> model = FindModel(transaction, project, detector.init_model());
  if (!model.has_value()) {
    return Error(absl::StatusCode::kFailedPrecondition, "NO_SUCH_MODEL",
                 absl::StrCat("detector.init_model is \"", detector.init_model(),
                              "\", but the project has no such model: import it first"));
  }
  if (model->message.preset() == detector.preset()) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "BAD_RECIPE",
               absl::StrCat("detector.init_model \"", detector.init_model(), "\" is a ",
                            model->message.preset(), ", but detector.preset is ", detector.preset()));
}

absl::Status BadRecipe(const absl::Status& why) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_RECIPE", std::string(why.message()));
}

absl::StatusOr<v1::Round> Submit(Transaction& transaction, PrincipalId caller,
                                 const std::string& project_name, v1::Recipe recipe) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, project_name);
  if (!project.ok()) return project.status();
  LockProject(transaction, *project);
  if (const absl::Status known = CheckInitModel(transaction, *project, recipe.detector()); !known.ok())
    return known;
  if (recipe.ranking().strategy().empty()) {
    recipe.mutable_ranking()->set_strategy(ReadProject(transaction, *project).strategy());
    recipe = WithDefaults(std::move(recipe));
    if (const absl::Status valid = Validate(recipe); !valid.ok()) return BadRecipe(valid);
  }
  const Snapshot snapshot = FreezeSnapshot(transaction, *project);
  if (snapshot.images == 0) {
    return Error(absl::StatusCode::kFailedPrecondition, "NO_LABELS",
                 "nothing in the pool is labelled: label some images, or import labels, first");
  }
  const uint32_t number = InsertRound(transaction, *project, RecipeText(recipe), snapshot.id, caller);
  std::optional<RoundRow> row = FindRound(transaction, *project, number);
  if (!row.has_value()) return NoSuchRound(number);
  return Describe(transaction, *std::move(row));
}

absl::StatusOr<v1::Round> Cancel(Transaction& transaction, const v1::CancelRoundRequest& request) {
  const absl::StatusOr<RoundRow> row = ReadRow(transaction, request.project(), request.number());
  if (!row.ok()) return row.status();
  LockProject(transaction, row->project);
  if (HasEnded(LockRound(transaction, row->id))) {
    return Error(absl::StatusCode::kFailedPrecondition, "ROUND_ENDED",
                 absl::StrCat("round ", row->message.number(), " has ended already"));
  }
  SetRoundState(transaction, row->id, RoundState::kCancelled);
  absl::StatusOr<RoundRow> after = ReadRow(transaction, request.project(), row->message.number());
  if (!after.ok()) return after.status();
  return Describe(transaction, *std::move(after));
}

}  // namespace

absl::StatusOr<v1::Round> SubmitRound(Database& database, PrincipalId caller,
                                      const v1::SubmitRoundRequest& request) {
  const absl::StatusOr<v1::Recipe> recipe = ParseRecipe(request.recipe());
  if (!recipe.ok()) return BadRecipe(recipe.status());
  const RequestKey key = KeyOf(caller, "SubmitRound", request.request_id(), request);
  return database.Transact("SubmitRound", [&](Transaction& transaction) {
    return WithRequestId<v1::Round>(transaction, key,
                                    [&] { return Submit(transaction, caller, request.project(), *recipe); });
  });
}

absl::StatusOr<v1::Round> GetRound(Database& database, const v1::GetRoundRequest& request) {
  return database.Transact("GetRound", [&](Transaction& transaction) -> absl::StatusOr<v1::Round> {
    absl::StatusOr<RoundRow> row = ReadRow(transaction, request.project(), request.number());
    if (!row.ok()) return row.status();
    return Describe(transaction, *std::move(row));
  });
}

absl::StatusOr<v1::ListRoundsResponse> ListRounds(Database& database, const v1::ListRoundsRequest& request) {
  const absl::StatusOr<int64_t> below = PageStart(request.page_token());
  if (!below.ok()) return below.status();
  const int size = PageSize(request.page_size(), 100, 1000);
  return database.Transact(
      "ListRounds", [&](Transaction& transaction) -> absl::StatusOr<v1::ListRoundsResponse> {
        const absl::StatusOr<ProjectId> project = FindProject(transaction, request.project());
        if (!project.ok()) return project.status();
        v1::ListRoundsResponse response;
        for (RoundRow& row :
             ListRounds(transaction, *project, static_cast<uint32_t>(*below), static_cast<uint32_t>(size))) {
          absl::StatusOr<v1::Round> round = Describe(transaction, std::move(row));
          if (!round.ok()) return round.status();
          *response.add_rounds() = *std::move(round);
        }
        if (response.rounds_size() == size) {
          response.set_next_page_token(std::to_string(response.rounds().rbegin()->number()));
        }
        return response;
      });
}

absl::StatusOr<v1::Round> CancelRound(Database& database, PrincipalId caller,
                                      const v1::CancelRoundRequest& request) {
  const RequestKey key = KeyOf(caller, "CancelRound", request.request_id(), request);
  return database.Transact("CancelRound", [&](Transaction& transaction) {
    return WithRequestId<v1::Round>(transaction, key, [&] { return Cancel(transaction, request); });
  });
}

absl::StatusOr<int64_t> GetRoundVersion(Database& database, const v1::WatchRoundRequest& request) {
  return database.Transact("GetRoundVersion", [&](Transaction& transaction) -> absl::StatusOr<int64_t> {
    const absl::StatusOr<RoundRow> row = ReadRow(transaction, request.project(), request.number());
    if (!row.ok()) return row.status();
    return row->version;
  });
}

}  // namespace loupe
