// Checks of a range of scores in a filter.
#pragma once

#include "absl/status/status.h"
#include "proto/error_info.h"

namespace loupe {

// OK if min_score and max_score of the filter, where they are set, are within 0 and 1 and in order. Errors:
// INVALID_ARGUMENT.
template <typename Filter>
absl::Status CheckScoreRange(const Filter& filter) {
  const auto is_score = [](float score) { return score >= 0 && score <= 1; };  // NaN fails every comparison
  if (!is_score(filter.min_score()) || !is_score(filter.max_score())) {
    return InvalidArgument("min_score and max_score must be within 0 and 1");
  }
  if (filter.has_min_score() && filter.has_max_score() && filter.min_score() > filter.max_score()) {
    return InvalidArgument("min_score must not be above max_score");
  }
  return absl::OkStatus();
}

}  // namespace loupe
