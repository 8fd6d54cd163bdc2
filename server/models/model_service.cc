#include "server/models/model_service.h"

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "db/stores/evaluation_store.h"
#include "db/stores/model_store.h"
#include "db/stores/prediction_store.h"
#include "db/stores/project_store.h"
#include "db/stores/ranking_store.h"
#include "db/stores/request_store.h"
#include "db/stores/round_store.h"
#include "proto/error_info.h"
#include "server/blobs/weights_check.h"
#include "server/models/model_import.h"
#include "server/rounds/round_evaluation.h"
#include "server/rpc/blob_chunks.h"
#include "server/rpc/paging.h"

namespace loupe {
namespace {

constexpr char kImportModel[] = "ModelService.ImportModel";

// Responses are stored under these names. They must not change: a request that is repeated after an upgrade
// finds its response by them.
constexpr char kImportKey[] = "ImportModel";
constexpr char kPromoteKey[] = "PromoteModel";
constexpr char kRollbackKey[] = "RollbackModel";

// Errors: NOT_FOUND (NO_SUCH_PROJECT, NO_SUCH_MODEL).
absl::StatusOr<ModelRow> ReadModelOf(Transaction& transaction, const std::string& project_name,
                                     const std::string& model) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, project_name);
  if (!project.ok()) return project.status();
  return ReadNamedModel(transaction, *project, model);
}

// Judges the model's predictions by today's labels of the holdout, if some were written, corrected or
// withdrawn since.
void JudgeAgain(Transaction& transaction, ProjectId project, ModelRow& model) {
  if (!model.message.has_evaluation()) return;
  const uint64_t relabelled = CountRelabelledSince(transaction, project, model.id);
  if (relabelled == 0) return;
  const PredictionsById predictions = ReadHoldoutDetections(transaction, project, model.id);
  const auto class_count = static_cast<int>(ReadClasses(transaction, project).size());
  model.message.set_relabelled_images(relabelled);
  *model.message.mutable_evaluation_now() =
      EvaluateModel(ReadJudgedImages(transaction, project, predictions), predictions, class_count,
                    model.message.evaluation().random_sample());
}

// Errors: DATA_LOSS (WEIGHTS_LOST). Reads the whole file.
absl::Status CheckWhole(const BlobStore& blobs, const ModelRow& model) {
  const absl::Status whole = blobs.Verify(model.weights);
  if (whole.ok()) return whole;
  return Error(absl::StatusCode::kDataLoss, "WEIGHTS_LOST",
               absl::StrCat("the weights of ", model.message.name(), " are not whole: ", whole.message()));
}

// Errors: FAILED_PRECONDITION (NO_PREDICTIONS).
absl::Status CheckCanServe(Transaction& transaction, ProjectId project, const ModelRow& model) {
  const auto refuse = [&](absl::string_view why) {
    return Error(absl::StatusCode::kFailedPrecondition, "NO_PREDICTIONS",
                 absl::StrCat(model.message.name(), " can't serve: ", why));
  };
  if (!model.round)
    return refuse("no round of this project trained it; start a round from it (detector.init_model)");
  const std::optional<RoundRow> round = FindRound(transaction, project, model.message.round());
  if (!round.has_value() || round->state == RoundState::kFailed || round->state == RoundState::kCancelled) {
    return refuse("its round did not end well");
  }
  if (!model.message.has_evaluation()) return refuse("it is not evaluated yet");
  return absl::OkStatus();
}

// Serves the model with its ranking. While that ranking is still being built, the model serves alone and the
// end of its round switches to the ranking. Requires: LockProject.
void Serve(Transaction& transaction, ProjectId project, ModelId model, Replaced replaced, PrincipalId by) {
  ServeModel(transaction, project, model, replaced, by);
  if (const RankingId ranking = FindRankingOfModel(transaction, model))
    SwitchRanking(transaction, project, ranking);
}

// Errors: FAILED_PRECONDITION (SERVING_CHANGED).
template <typename Request>
absl::Status CheckServing(Transaction& transaction, ProjectId project, const Request& request) {
  if (!request.has_serving()) return absl::OkStatus();
  const std::optional<ModelRow> serving = FindModel(transaction, project, "");
  const uint32_t number = serving.has_value() ? serving->message.number() : 0;
  if (number == request.serving()) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "SERVING_CHANGED",
               number == 0 ? "no model serves any more: look again, then decide"
                           : absl::StrCat("model ", number, " serves by now: look again, then decide"));
}

absl::StatusOr<v1::Model> Promote(Transaction& transaction, const v1::PromoteModelRequest& request,
                                  PrincipalId by) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, request.project());
  if (!project.ok()) return project.status();
  LockProject(transaction, *project);
  const absl::StatusOr<ModelRow> model = ReadNamedModel(transaction, *project, request.model());
  if (!model.ok()) return model.status();
  if (const absl::Status can = CheckCanServe(transaction, *project, *model); !can.ok()) return can;
  if (const absl::Status same = CheckServing(transaction, *project, request); !same.ok()) return same;
  Serve(transaction, *project, model->id, Replaced::kRemember, by);
  return ReadModel(transaction, model->id).message;
}

// The model that served before the serving one. Errors: FAILED_PRECONDITION (NOTHING_BEFORE,
// SERVING_CHANGED).
absl::StatusOr<ModelRow> ModelBefore(Transaction& transaction, ProjectId project,
                                     const v1::RollbackModelRequest& request) {
  if (const absl::Status same = CheckServing(transaction, project, request); !same.ok()) return same;
  const std::optional<ModelRow> serving = FindModel(transaction, project, "");
  if (!serving.has_value() || !serving->replaced) {
    return Error(absl::StatusCode::kFailedPrecondition, "NOTHING_BEFORE",
                 "no model served before the one that serves now");
  }
  return ReadModel(transaction, serving->replaced);
}

absl::StatusOr<v1::Model> Rollback(Transaction& transaction, const BlobStore& blobs,
                                   const v1::RollbackModelRequest& request, PrincipalId by) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, request.project());
  if (!project.ok()) return project.status();
  absl::StatusOr<ModelRow> before = ModelBefore(transaction, *project, request);
  if (!before.ok()) return before.status();
  // The file is read within the transaction, which is long but rare, and before the lock, so that nobody
  // waits.
  if (const absl::Status whole = CheckWhole(blobs, *before); !whole.ok()) return whole;
  LockProject(transaction, *project);
  before = ModelBefore(transaction, *project, request);
  if (!before.ok()) return before.status();
  Serve(transaction, *project, before->id, Replaced::kKeep, by);
  return ReadModel(transaction, before->id).message;
}

}  // namespace

grpc::Status ModelServiceImpl::ListModels(grpc::ServerContext* context, const v1::ListModelsRequest* request,
                                          v1::ListModelsResponse* response) {
  constexpr char kMethod[] = "ModelService.ListModels";
  using Response = absl::StatusOr<v1::ListModelsResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    const absl::StatusOr<int64_t> below = PageStart(request->page_token());
    if (!below.ok()) return below.status();
    const int size = PageSize(request->page_size(), 100, 1000);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) -> Response {
      const absl::StatusOr<ProjectId> project = FindProject(transaction, request->project());
      if (!project.ok()) return project.status();
      v1::ListModelsResponse page;
      std::map<uint32_t, uint64_t> withdrawn = CountWithdrawnLabels(transaction, *project);
      for (ModelRow& row : loupe::ListModels(transaction, *project, static_cast<uint32_t>(*below),
                                             static_cast<uint32_t>(size) + 1)) {
        row.message.set_withdrawn_labels(withdrawn[row.message.number()]);
        *page.add_models() = std::move(row.message);
      }
      if (CutPage(*page.mutable_models(), size)) {
        page.set_next_page_token(std::to_string(page.models().rbegin()->number()));
      }
      return page;
    });
  });
}

grpc::Status ModelServiceImpl::GetModel(grpc::ServerContext* context, const v1::GetModelRequest* request,
                                        v1::Model* response) {
  constexpr char kMethod[] = "ModelService.GetModel";
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) {
    return database_.Transact(
        {kMethod, call.deadline}, [&](Transaction& transaction) -> absl::StatusOr<v1::Model> {
          const absl::StatusOr<ProjectId> project = FindProject(transaction, request->project());
          if (!project.ok()) return project.status();
          absl::StatusOr<ModelRow> model = ReadNamedModel(transaction, *project, request->model());
          if (!model.ok()) return model.status();
          JudgeAgain(transaction, *project, *model);
          model->message.set_withdrawn_labels(
              CountWithdrawnLabels(transaction, *project)[model->message.number()]);
          return std::move(model->message);
        });
  });
}

grpc::Status ModelServiceImpl::ImportModel(grpc::ServerContext* context,
                                           grpc::ServerReader<v1::ImportModelRequest>* reader,
                                           v1::Model* response) {
  return calls_.Stream(context, kImportModel, nullptr, [&](const Call& call) -> absl::Status {
    absl::StatusOr<v1::Model> model = Import(call, *reader);
    if (model.ok()) *response = *std::move(model);
    return model.status();
  });
}

absl::StatusOr<v1::Model> ModelServiceImpl::Import(const Call& call,
                                                   grpc::ServerReader<v1::ImportModelRequest>& reader) {
  v1::ImportModelRequest request;
  if (!reader.Read(&request) || !request.has_start()) {
    return BadWeights("the stream must begin with `start`");
  }
  if (const absl::Status checked = CheckFields(request); !checked.ok()) return checked;
  const v1::ImportModelStart start = request.start();
  if (const absl::Status valid = CheckImportStart(start); !valid.ok()) return valid;
  const absl::StatusOr<TakenWeights> weights = TakeWeights(reader, blobs_, start);
  if (!weights.ok()) return weights.status();
  const RequestKey key = KeyOfImport(call.principal.id, kImportKey, start, weights->blob);
  return database_.Transact({kImportModel, call.deadline}, [&](Transaction& transaction) {
    return WithRequestId<v1::Model>(transaction, key,
                                    [&] { return InsertImportedModel(transaction, start, *weights); });
  });
}

grpc::Status ModelServiceImpl::ExportModel(grpc::ServerContext* context,
                                           const v1::ExportModelRequest* request,
                                           grpc::ServerWriter<v1::ExportModelResponse>* writer) {
  constexpr char kMethod[] = "ModelService.ExportModel";
  return calls_.Stream(context, kMethod, request, [&](const Call& call) -> absl::Status {
    const auto model = database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return ReadModelOf(transaction, request->project(), request->model());
    });
    if (!model.ok()) return model.status();
    return WriteChunks(calls_, blobs_, model->weights, *writer);
  });
}

grpc::Status ModelServiceImpl::PromoteModel(grpc::ServerContext* context,
                                            const v1::PromoteModelRequest* request, v1::Model* response) {
  constexpr char kMethod[] = "ModelService.PromoteModel";
  using Response = absl::StatusOr<v1::Model>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    const auto model = database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return ReadModelOf(transaction, request->project(), request->model());
    });
    if (!model.ok()) return model.status();
    if (const absl::Status whole = CheckWhole(blobs_, *model); !whole.ok()) return whole;
    const RequestKey key = KeyOf(call.principal.id, kPromoteKey, request->request_id(), *request);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return WithRequestId<v1::Model>(transaction, key,
                                      [&] { return Promote(transaction, *request, call.principal.id); });
    });
  });
}

grpc::Status ModelServiceImpl::RollbackModel(grpc::ServerContext* context,
                                             const v1::RollbackModelRequest* request, v1::Model* response) {
  constexpr char kMethod[] = "ModelService.RollbackModel";
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) {
    const RequestKey key = KeyOf(call.principal.id, kRollbackKey, request->request_id(), *request);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return WithRequestId<v1::Model>(
          transaction, key, [&] { return Rollback(transaction, blobs_, *request, call.principal.id); });
    });
  });
}

}  // namespace loupe
