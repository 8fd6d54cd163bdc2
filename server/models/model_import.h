// The import of outside weights as a model.
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "db/database.h"
#include "db/ids.h"
#include "db/stores/request_store.h"
#include "loupe/v1/model.grpc.pb.h"
#include "server/blobs/blob_store.h"

namespace loupe {

// Checks what can be checked before the file comes. Errors: INVALID_ARGUMENT (name, preset or size_bytes).
absl::Status CheckImportStart(const v1::ImportModelStart& start);

// Streams the file that `start` announced into a blob, and checks that it is a whole safetensors file whose
// tensors fit the preset (CheckTensors). Requires: CheckImportStart.
// Errors: INVALID_ARGUMENT (BAD_WEIGHTS), and those of BlobStore.
absl::StatusOr<BlobInfo> TakeWeights(grpc::ServerReader<v1::ImportModelRequest>& reader,
                                     const BlobStore& blobs, const v1::ImportModelStart& start);

// Two imports are the same request when project, name, preset and the file's content are the same.
RequestKey KeyOfImport(PrincipalId principal, std::string_view method, const v1::ImportModelStart& start,
                       const BlobInfo& weights);

// Inserts the imported model, a candidate. Errors: NOT_FOUND (NO_SUCH_PROJECT), ALREADY_EXISTS
// (MODEL_EXISTS).
absl::StatusOr<v1::Model> InsertImportedModel(Transaction& transaction, const v1::ImportModelStart& start,
                                              const BlobInfo& weights);

}  // namespace loupe
