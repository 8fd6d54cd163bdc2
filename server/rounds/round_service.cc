#include "server/rounds/round_service.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "db/stores/job_store.h"
#include "db/stores/model_store.h"
#include "db/stores/project_store.h"
#include "db/stores/request_store.h"
#include "db/stores/round_store.h"
#include "proto/error_info.h"
#include "recipe/detector_recipe.h"
#include "recipe/detector_tensors.h"
#include "recipe/presets.h"
#include "recipe/recipe.h"
#include "recipe/recipe_description.h"
#include "server/blobs/weights_check.h"
#include "server/ranking/pseudo_labels.h"
#include "server/rounds/described_round.h"
#include "server/rounds/round_time.h"
#include "server/rpc/paging.h"

namespace loupe {
namespace {

// Responses are stored under these names. They must not change: a request that is repeated after an upgrade
// finds its response by them.
constexpr char kSubmitKey[] = "SubmitRound";
constexpr char kCancelKey[] = "CancelRound";

absl::Status BadRecipe(absl::string_view why) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_RECIPE", std::string(why));
}

// Whether the recipe's overrides and the weights of init_model fit each other. Errors: INVALID_ARGUMENT
// (BAD_RECIPE), INTERNAL.
absl::Status CheckOverrides(const BlobStore& blobs, const v1::Model& model,
                            const v1::DetectorRecipe& recipe) {
  if (!recipe.has_overrides()) return absl::OkStatus();
  const absl::StatusOr<WeightsCheck::Contents> weights =
      ReadStoredWeights(blobs, *FromBytes(model.weights_sha256()));
  if (!weights.ok()) return weights.status();
  const absl::StatusOr<v1::Detector> detector = DetectorOfRecipe(recipe, weights->metadata);
  const absl::Status fits = detector.ok() ? CheckTensors(*detector, weights->tensors) : detector.status();
  return fits.ok() ? fits : BadRecipe(absl::StrCat("detector.overrides: ", fits.message()));
}

// Fills in the preset of init_model. Errors: FAILED_PRECONDITION (NO_SUCH_MODEL), INVALID_ARGUMENT
// (BAD_RECIPE: the recipe names another).
absl::Status ResolveInitModel(Transaction& transaction, const BlobStore& blobs, ProjectId project,
                              v1::Recipe& recipe) {
  v1::DetectorRecipe& detector = *recipe.mutable_detector();
  if (detector.init_model().empty()) {
    if (recipe.training().skip())
      return BadRecipe("training.skip needs detector.init_model: the model that predicts");
    if (detector.preset() != kDetectron2Preset) return absl::OkStatus();
    return BadRecipe(
        "detector.preset is detectron2, which needs detector.init_model: a model of Detectron2 that was "
        "imported");
  }
  const std::optional<ModelRow> model = FindModel(transaction, project, detector.init_model());
  if (!model.has_value()) {
    return Error(absl::StatusCode::kFailedPrecondition, "NO_SUCH_MODEL",
                 absl::StrCat("detector.init_model is \"", detector.init_model(),
                              "\", but the project has no such model: import it first"));
  }
  if (!detector.has_preset()) detector.set_preset(model->message.preset());
  if (model->message.preset() == detector.preset()) return CheckOverrides(blobs, model->message, detector);
  return BadRecipe(absl::StrCat("detector.init_model \"", detector.init_model(), "\" is a ",
                                model->message.preset(), ", but detector.preset is ", detector.preset()));
}

absl::Status NoLabels() {
  return Error(absl::StatusCode::kFailedPrecondition, "NO_LABELS",
               "nothing in the pool is labelled: label some images, or import labels, first");
}

// The valid recipe with what the project says: a strategy that it leaves out is the project's. Errors: those
// of ResolveInitModel, INVALID_ARGUMENT (BAD_RECIPE).
absl::StatusOr<v1::Recipe> ResolveRecipe(Transaction& transaction, const BlobStore& blobs, ProjectId project,
                                         v1::Recipe recipe) {
  const absl::Status known = ResolveInitModel(transaction, blobs, project, recipe);
  if (!known.ok()) return known;
  if (!recipe.ranking().strategy().empty()) return recipe;
  recipe.mutable_ranking()->set_strategy(ReadProject(transaction, project).strategy());
  recipe = WithDefaults(std::move(recipe));
  if (const absl::Status valid = Validate(recipe); !valid.ok())
    return BadRecipe(std::string(valid.message()));
  return recipe;
}

// Freezes the truth of the pool and queues a round. `given` is valid.
absl::StatusOr<v1::Round> QueueRound(Transaction& transaction, const BlobStore& blobs, PrincipalId caller,
                                     const std::string& project_name, const v1::Recipe& given) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, project_name);
  if (!project.ok()) return project.status();
  LockProject(transaction, *project);
  const absl::StatusOr<v1::Recipe> recipe = ResolveRecipe(transaction, blobs, *project, given);
  if (!recipe.ok()) return recipe.status();
  const Snapshot snapshot = FreezeSnapshot(transaction, *project, ranking::kPseudoLabelFloor);
  if (snapshot.images == 0 && !recipe->training().skip()) return NoLabels();
  const uint32_t number = InsertRound(transaction, *project, RecipeText(*recipe), snapshot.id, caller);
  std::optional<RoundRow> row = FindRound(transaction, *project, number);
  if (!row.has_value()) return NoSuchRound(number);
  return DescribeRound(transaction, *std::move(row));
}

// `given` is valid.
absl::StatusOr<v1::RoundPlan> Plan(Transaction& transaction, const BlobStore& blobs,
                                   const std::string& project_name, const v1::Recipe& given) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, project_name);
  if (!project.ok()) return project.status();
  absl::StatusOr<v1::Recipe> recipe = ResolveRecipe(transaction, blobs, *project, given);
  if (!recipe.ok()) return recipe.status();
  v1::RoundPlan plan = CountForRound(transaction, *project);
  if (plan.snapshot_images() == 0 && !recipe->training().skip()) return NoLabels();
  *plan.mutable_recipe() = *std::move(recipe);
  EstimateTimes(transaction, plan);
  return plan;
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
  return DescribeRound(transaction, *std::move(after));
}

absl::StatusOr<v1::ListRoundsResponse> ReadPage(Transaction& transaction, const std::string& project_name,
                                                uint32_t below, int size) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, project_name);
  if (!project.ok()) return project.status();
  v1::ListRoundsResponse page;
  for (RoundRow& row : ListRounds(transaction, *project, below, static_cast<uint32_t>(size) + 1)) {
    *page.add_rounds() = DescribeRound(transaction, std::move(row));
  }
  if (CutPage(*page.mutable_rounds(), size)) {
    page.set_next_page_token(std::to_string(page.rounds().rbegin()->number()));
  }
  return page;
}

}  // namespace

grpc::Status RoundServiceImpl::SubmitRound(grpc::ServerContext* context,
                                           const v1::SubmitRoundRequest* request, v1::Round* response) {
  constexpr char kMethod[] = "RoundService.SubmitRound";
  return calls_.Unary(
      context, kMethod, request, response, [&](const Call& call) -> absl::StatusOr<v1::Round> {
        const absl::StatusOr<v1::Recipe> recipe = ParseRecipe(request->recipe());
        if (!recipe.ok()) return BadRecipe(std::string(recipe.status().message()));
        const RequestKey key = KeyOf(call.principal.id, kSubmitKey, request->request_id(), *request);
        return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
          return WithRequestId<v1::Round>(transaction, key, [&] {
            return QueueRound(transaction, blobs_, call.principal.id, request->project(), *recipe);
          });
        });
      });
}

grpc::Status RoundServiceImpl::PlanRound(grpc::ServerContext* context, const v1::PlanRoundRequest* request,
                                         v1::RoundPlan* response) {
  constexpr char kMethod[] = "RoundService.PlanRound";
  return calls_.Unary(context, kMethod, request, response,
                      [&](const Call& call) -> absl::StatusOr<v1::RoundPlan> {
                        const absl::StatusOr<v1::Recipe> recipe = ParseRecipe(request->recipe());
                        if (!recipe.ok()) return BadRecipe(std::string(recipe.status().message()));
                        return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
                          return Plan(transaction, blobs_, request->project(), *recipe);
                        });
                      });
}

grpc::Status RoundServiceImpl::DescribeRecipe(grpc::ServerContext* context,
                                              const v1::DescribeRecipeRequest* request,
                                              v1::RecipeDescription* response) {
  return calls_.Unary(
      context, "RoundService.DescribeRecipe", request, response,
      [](const Call&) -> absl::StatusOr<v1::RecipeDescription> { return loupe::DescribeRecipe(); });
}

grpc::Status RoundServiceImpl::GetRound(grpc::ServerContext* context, const v1::GetRoundRequest* request,
                                        v1::Round* response) {
  constexpr char kMethod[] = "RoundService.GetRound";
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) {
    return database_.Transact(
        {kMethod, call.deadline}, [&](Transaction& transaction) -> absl::StatusOr<v1::Round> {
          absl::StatusOr<RoundRow> row = ReadRow(transaction, request->project(), request->number());
          if (!row.ok()) return row.status();
          return DescribeRound(transaction, *std::move(row));
        });
  });
}

grpc::Status RoundServiceImpl::GetRoundLog(grpc::ServerContext* context,
                                           const v1::GetRoundLogRequest* request, v1::RoundLog* response) {
  constexpr char kMethod[] = "RoundService.GetRoundLog";
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) {
    return database_.Transact(
        {kMethod, call.deadline}, [&](Transaction& transaction) -> absl::StatusOr<v1::RoundLog> {
          const absl::StatusOr<RoundRow> row = ReadRow(transaction, request->project(), request->number());
          if (!row.ok()) return row.status();
          v1::RoundLog log;
          for (v1::RoundLine& line : ReadRoundLines(transaction, row->id)) {
            *log.add_lines() = std::move(line);
          }
          for (v1::TrainingPoint& point : ReadTrainingPoints(transaction, row->id)) {
            *log.add_points() = std::move(point);
          }
          return log;
        });
  });
}

grpc::Status RoundServiceImpl::ListRounds(grpc::ServerContext* context, const v1::ListRoundsRequest* request,
                                          v1::ListRoundsResponse* response) {
  constexpr char kMethod[] = "RoundService.ListRounds";
  using Response = absl::StatusOr<v1::ListRoundsResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    const absl::StatusOr<int64_t> below = PageStart(request->page_token());
    if (!below.ok()) return below.status();
    const int size = PageSize(request->page_size(), 100, 1000);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return ReadPage(transaction, request->project(), static_cast<uint32_t>(*below), size);
    });
  });
}

grpc::Status RoundServiceImpl::CancelRound(grpc::ServerContext* context,
                                           const v1::CancelRoundRequest* request, v1::Round* response) {
  constexpr char kMethod[] = "RoundService.CancelRound";
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) {
    const RequestKey key = KeyOf(call.principal.id, kCancelKey, request->request_id(), *request);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return WithRequestId<v1::Round>(transaction, key, [&] { return Cancel(transaction, *request); });
    });
  });
}

}  // namespace loupe
