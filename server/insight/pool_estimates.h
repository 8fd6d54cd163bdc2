// Estimates of the whole pool from the answered images of a random slice.
#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "loupe/v1/insight.pb.h"
#include "server/insight/slice_choice.h"

namespace loupe {

struct PoolEstimatesInput {
  int class_count = 0;
  std::optional<ChosenSlice> chosen;  // nullopt: nothing was drawn at random
};

// Errors: NOT_FOUND (NO_SUCH_PROJECT, NO_SUCH_MODEL), and those of ChooseSlice.
absl::StatusOr<PoolEstimatesInput> ReadPoolEstimatesInput(Transaction& transaction,
                                                          const v1::EstimatePoolRequest& request);

// score_threshold: precision and recall count the detections from this score up.
v1::PoolEstimates MakePoolEstimates(const PoolEstimatesInput& input, double score_threshold);

}  // namespace loupe
