// Estimates of the whole pool from the answered images of a random slice.
#pragma once

#include <cstddef>
#include <optional>

#include "absl/status/statusor.h"
#include "loupe/v1/insight.pb.h"
#include "server/insight/slice_choice.h"

namespace loupe {

struct PoolEstimatesInput {
  int class_count = 0;
  std::optional<ChosenSlice> chosen;  // nullopt: nothing was drawn at random
  uint64_t withdrawn_labels = 0;      // as v1::Model.withdrawn_labels, of the judged model
};

// Errors: NOT_FOUND (NO_SUCH_PROJECT, NO_SUCH_MODEL), and those of ChooseSlice.
absl::StatusOr<PoolEstimatesInput> ReadPoolEstimatesInput(Transaction& transaction,
                                                          const v1::EstimatePoolRequest& request);

// Figures rest on at least this many answered images of the slice, and evaluation::kFewestBoxes of their
// boxes.
constexpr size_t kFewestImages = 20;

// Takes away what rests on fewer, unless the whole pool is labelled, and says how many answers are missing;
// of a class, figures without an interval.
void WithholdUncertain(const PoolEstimatesInput& input, v1::PoolEstimates& message);

// score_threshold: precision and recall count the detections from this score up.
v1::PoolEstimates MakePoolEstimates(const PoolEstimatesInput& input, double score_threshold);

}  // namespace loupe
