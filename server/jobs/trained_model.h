// The model that a TRAIN job makes: the weights it starts from, and the weights it completes with.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "db/database.h"
#include "db/stores/job_store.h"
#include "db/stores/model_store.h"
#include "loupe/v1/recipe.pb.h"
#include "loupe/v1/worker.pb.h"
#include "server/blobs/blob_store.h"

namespace loupe {

// The model whose weights a TRAIN job starts from (detector.init_model); for a FIND_LABEL_ERRORS job the
// imported model that it goes back to, since one that a round trained knows the labels. nullopt: it starts
// from random weights, or the job is of another kind.
std::optional<ModelRow> FindInitModel(Transaction& transaction, const JobRow& job, const v1::Recipe& recipe);

// Checks hash and size of the weights that the request names, and that they are a whole detector as the
// recipe asks for it, overrides included, with this number of classes. Reads the whole blob: call it outside
// a transaction. Errors: INVALID_ARGUMENT (BAD_WEIGHTS), and those of BlobReader::Next.
absl::Status CheckTrainedWeights(const BlobStore& blobs, const v1::CompleteJobRequest& request,
                                 const v1::DetectorRecipe& recipe, size_t class_count);

// Inserts the model `round-N`, a candidate, as the round's model, and sets the job's progress to its end.
// Errors: INVALID_ARGUMENT (class_quality).
// Requires: CheckTrainedWeights returned OK; the locks of project and round, and the lease's.
absl::Status InsertTrainedModel(Transaction& transaction, const JobRow& job,
                                const v1::CompleteJobRequest& request);

}  // namespace loupe
