#include "server/models/model_calls.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "db/stores/project_store.h"
#include "db/stores/ranking_store.h"
#include "db/stores/request_store.h"
#include "db/stores/round_store.h"
#include "proto/error_info.h"
#include "recipe/recipe.h"
#include "server/rpc/paging.h"

namespace loupe {
namespace {

constexpr uint64_t kMaxWeightsBytes = uint64_t{4} << 30;

absl::Status Invalid(const std::string& what) {
  return Error(absl::StatusCode::kInvalidArgument, "INVALID_ARGUMENT", what);
}

bool IsNumber(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

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

// Its ranking may still be in the making: its round switches to it then.
void Serve(Transaction& transaction, ProjectId project, ModelId model, Replaced replaced) {
  ServeModel(transaction, project, model, replaced);
  if (const RankingId ranking = FindRankingOfModel(transaction, model))
    SwitchRanking(transaction, project, ranking);
}

absl::StatusOr<v1::Model> Promote(Transaction& transaction, const v1::PromoteModelRequest& request) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, request.project());
  if (!project.ok()) return project.status();
  LockProject(transaction, *project);
  const absl::StatusOr<ModelRow> model = ReadNamedModel(transaction, *project, request.model());
  if (!model.ok()) return model.status();
  if (const absl::Status can = CheckCanServe(transaction, *project, *model); !can.ok()) return can;
  Serve(transaction, *project, model->id, Replaced::kRemember);
  return ReadModel(transaction, model->id).message;
}

// The model that served before the serving one. Errors: FAILED_PRECONDITION (NOTHING_BEFORE).
absl::StatusOr<ModelRow> ModelBefore(Transaction& transaction, ProjectId project) {
  const std::optional<ModelRow> serving = FindModel(transaction, project, "");
  if (!serving.has_value() || !serving->replaced) {
    return Error(absl::StatusCode::kFailedPrecondition, "NOTHING_BEFORE",
                 "no model served before the one that serves now");
  }
  return ReadModel(transaction, serving->replaced);
}

absl::StatusOr<v1::Model> Rollback(Transaction& transaction, const v1::RollbackModelRequest& request) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, request.project());
  if (!project.ok()) return project.status();
  LockProject(transaction, *project);
  const absl::StatusOr<ModelRow> before = ModelBefore(transaction, *project);
  if (!before.ok()) return before.status();
  Serve(transaction, *project, before->id, Replaced::kKeep);
  return ReadModel(transaction, before->id).message;
}

absl::StatusOr<v1::Model> Add(Transaction& transaction, const v1::ImportModelStart& start,
                              const BlobInfo& weights) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, start.project());
  if (!project.ok()) return project.status();
  LockProject(transaction, *project);
  if (FindModel(transaction, *project, start.name()).has_value()) {
    return Error(absl::StatusCode::kAlreadyExists, "MODEL_EXISTS",
                 absl::StrCat("there is a model \"", start.name(), "\" already: choose another name"));
  }
  NewModel model;
  model.name = start.name();
  model.preset = start.preset();
  model.weights = weights.hash;
  model.weights_bytes = weights.size_bytes;
  return ReadModel(transaction, InsertModel(transaction, *project, model)).message;
}

}  // namespace

absl::StatusOr<ModelRow> ReadNamedModel(Transaction& transaction, ProjectId project,
                                        const std::string& model) {
  std::optional<ModelRow> row = FindModel(transaction, project, model);
  if (row.has_value()) return *std::move(row);
  return Error(absl::StatusCode::kNotFound, "NO_SUCH_MODEL",
               model.empty() ? "no model serves yet" : absl::StrCat("there is no model \"", model, "\""));
}

absl::StatusOr<ModelRow> GetModel(Database& database, const std::string& project_name,
                                  const std::string& model) {
  return database.Transact("GetModel", [&](Transaction& transaction) -> absl::StatusOr<ModelRow> {
    const absl::StatusOr<ProjectId> project = FindProject(transaction, project_name);
    if (!project.ok()) return project.status();
    return ReadNamedModel(transaction, *project, model);
  });
}

absl::StatusOr<v1::ListModelsResponse> ListModels(Database& database, const v1::ListModelsRequest& request) {
  const absl::StatusOr<int64_t> below = PageStart(request.page_token());
  if (!below.ok()) return below.status();
  const int size = PageSize(request.page_size(), 100, 1000);
  return database.Transact(
      "ListModels", [&](Transaction& transaction) -> absl::StatusOr<v1::ListModelsResponse> {
        const absl::StatusOr<ProjectId> project = FindProject(transaction, request.project());
        if (!project.ok()) return project.status();
        v1::ListModelsResponse response;
        for (ModelRow& row :
             ListModels(transaction, *project, static_cast<uint32_t>(*below), static_cast<uint32_t>(size))) {
          *response.add_models() = std::move(row.message);
        }
        if (response.models_size() == size) {
          response.set_next_page_token(std::to_string(response.models().rbegin()->number()));
        }
        return response;
      });
}

absl::Status CheckModelStart(const v1::ImportModelStart& start) {
  const std::string& name = start.name();
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  });
  if (name.empty() || name.size() > 100 || !plain || IsNumber(name)) {
    return Invalid("name must be 1 to 100 letters, digits, '-', '_' or '.', and not only digits");
  }
  constexpr absl::string_view kTrained = "round-";
  if (absl::StartsWith(name, kTrained) && IsNumber(absl::string_view(name).substr(kTrained.size()))) {
    return Invalid("names like round-3 are given to models that rounds train: choose another name");
  }
  v1::Recipe recipe;
  recipe.mutable_detector()->set_preset(start.preset());
  if (const absl::Status known = Validate(WithDefaults(recipe)); !known.ok()) {
    return Invalid(absl::StrCat("preset: ", known.message()));
  }
  if (start.size_bytes() == 0 || start.size_bytes() > kMaxWeightsBytes) {
    return Invalid("size_bytes must be from 1 to 4 GiB");
  }
  return absl::OkStatus();
}

absl::StatusOr<v1::Model> AddModel(Database& database, PrincipalId caller, const v1::ImportModelStart& start,
                                   const BlobInfo& weights) {
  // What makes two requests the same is the file, too.
  v1::Model content;
  content.set_name(absl::StrCat(start.project(), "/", start.name()));
  content.set_preset(start.preset());
  content.set_weights_sha256(ToBytes(weights.hash));
  const RequestKey key = KeyOf(caller, "ImportModel", start.request_id(), content);
  return database.Transact("ImportModel", [&](Transaction& transaction) {
    return WithRequestId<v1::Model>(transaction, key, [&] { return Add(transaction, start, weights); });
  });
}

absl::StatusOr<v1::Model> PromoteModel(Database& database, const BlobStore& blobs, PrincipalId caller,
                                       const v1::PromoteModelRequest& request) {
  const absl::StatusOr<ModelRow> model = GetModel(database, request.project(), request.model());
  if (!model.ok()) return model.status();
  if (const absl::Status whole = CheckWhole(blobs, *model); !whole.ok()) return whole;
  const RequestKey key = KeyOf(caller, "PromoteModel", request.request_id(), request);
  return database.Transact("PromoteModel", [&](Transaction& transaction) {
    return WithRequestId<v1::Model>(transaction, key, [&] { return Promote(transaction, request); });
  });
}

absl::StatusOr<v1::Model> RollbackModel(Database& database, const BlobStore& blobs, PrincipalId caller,
                                        const v1::RollbackModelRequest& request) {
  const RequestKey key = KeyOf(caller, "RollbackModel", request.request_id(), request);
  return database.Transact("RollbackModel", [&](Transaction& transaction) {
    return WithRequestId<v1::Model>(transaction, key, [&]() -> absl::StatusOr<v1::Model> {
      const absl::StatusOr<ProjectId> project = FindProject(transaction, request.project());
      if (!project.ok()) return project.status();
      const absl::StatusOr<ModelRow> before = ModelBefore(transaction, *project);
      if (!before.ok()) return before.status();
      // Read under the transaction: a rollback is rare, and the weights must be those that then serve.
      if (const absl::Status whole = CheckWhole(blobs, *before); !whole.ok()) return whole;
      return Rollback(transaction, request);
    });
  });
}

}  // namespace loupe
