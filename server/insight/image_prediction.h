// What a model predicted in an image.
#pragma once

#include "absl/status/statusor.h"
#include "loupe/v1/insight.pb.h"

namespace loupe {

class Transaction;

// Errors: NOT_FOUND (NO_SUCH_PROJECT, NO_SUCH_IMAGE, NO_SUCH_MODEL, NO_PREDICTION), INVALID_ARGUMENT
// (AMBIGUOUS_NAME).
absl::StatusOr<v1::Prediction> ReadPrediction(Transaction& transaction,
                                              const v1::GetPredictionRequest& request);

}  // namespace loupe
