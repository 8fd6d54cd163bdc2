// What people do to models, each call one short transaction. The model service speaks the protocol around
// them.
//
// Errors of all: NOT_FOUND (NO_SUCH_PROJECT, NO_SUCH_MODEL), and those of Database::Transact.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "db/database.h"
#include "db/ids.h"
#include "db/stores/model_store.h"
#include "loupe/v1/model.pb.h"
#include "server/blobs/blob_store.h"

namespace loupe {

// By name or number; empty: the serving one.
absl::StatusOr<ModelRow> ReadNamedModel(Transaction& transaction, ProjectId project,
                                        const std::string& model);

absl::StatusOr<ModelRow> GetModel(Database& database, const std::string& project, const std::string& model);

// Errors: INVALID_ARGUMENT (page).
absl::StatusOr<v1::ListModelsResponse> ListModels(Database& database, const v1::ListModelsRequest& request);

// What can be said before the bytes come. Errors: INVALID_ARGUMENT (name, preset, size).
absl::Status CheckModelStart(const v1::ImportModelStart& start);

// Adds a model whose weights are in the blob store, whole. Errors: ALREADY_EXISTS (MODEL_EXISTS).
// Idempotent by request_id.
absl::StatusOr<v1::Model> AddModel(Database& database, PrincipalId caller, const v1::ImportModelStart& start,
                                   const BlobInfo& weights);

// Errors: FAILED_PRECONDITION (NO_PREDICTIONS), DATA_LOSS (its weights are not whole). Idempotent by
// request_id.
absl::StatusOr<v1::Model> PromoteModel(Database& database, const BlobStore& blobs, PrincipalId caller,
                                       const v1::PromoteModelRequest& request);

// Errors: FAILED_PRECONDITION (NOTHING_BEFORE), DATA_LOSS. Idempotent by request_id.
absl::StatusOr<v1::Model> RollbackModel(Database& database, const BlobStore& blobs, PrincipalId caller,
                                        const v1::RollbackModelRequest& request);

}  // namespace loupe
