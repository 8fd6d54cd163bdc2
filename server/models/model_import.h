// The import of outside weights as a model.
#pragma once

#include <string>
#include <string_view>
#include <vector>

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

struct TakenWeights {
  BlobInfo blob;
  std::vector<std::string> class_names;  // which the project must have; empty: weights of a preset
};

// Streams the file that `start` announced into a blob, and checks that it is a whole safetensors file whose
// tensors fit the preset (CheckTensors), or are all of the detector that the file describes
// (CheckWholeDetector; kDetectron2Preset). Requires: CheckImportStart.
// Errors: INVALID_ARGUMENT (BAD_WEIGHTS), and those of BlobStore.
absl::StatusOr<TakenWeights> TakeWeights(grpc::ServerReader<v1::ImportModelRequest>& reader,
                                         const BlobStore& blobs, const v1::ImportModelStart& start);

// Two imports are the same request when project, name, preset and the file's content are the same.
RequestKey KeyOfImport(PrincipalId principal, std::string_view method, const v1::ImportModelStart& start,
                       const BlobInfo& weights);

// Inserts the imported model, a candidate. Errors: NOT_FOUND (NO_SUCH_PROJECT), ALREADY_EXISTS
// (MODEL_EXISTS), INVALID_ARGUMENT (BAD_WEIGHTS: other classes than the project's).
absl::StatusOr<v1::Model> InsertImportedModel(Transaction& transaction, const v1::ImportModelStart& start,
                                              const TakenWeights& weights);

}  // namespace loupe
