// The likely label errors that a FIND_LABEL_ERRORS job completes with.
#pragma once

#include "absl/status/status.h"
#include "db/database.h"
#include "db/stores/job_store.h"
#include "loupe/v1/worker.pb.h"

namespace loupe {

// Stores them. Errors: INVALID_ARGUMENT (BAD_LABEL_ERROR): names what is wrong; then none may be kept.
// Requires: the round's lock.
absl::Status TakeLabelErrors(Transaction& transaction, const JobRow& job,
                             const v1::CompleteJobRequest& request);

}  // namespace loupe
