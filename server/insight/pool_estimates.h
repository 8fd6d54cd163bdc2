// What the answered images of a random slice say of the whole pool.
#pragma once

#include "loupe/v1/insight.pb.h"
#include "server/insight/slice_choice.h"

namespace loupe {

struct PoolEstimatesInput {
  int class_count = 0;
  double score_threshold = 0.5;  // of the detections that precision and recall judge
  std::optional<ChosenSlice> chosen;
};

v1::PoolEstimates MakePoolEstimates(const PoolEstimatesInput& input);

}  // namespace loupe
