// The filter of a request, checked.
#pragma once

#include "absl/status/statusor.h"
#include "db/ids.h"
#include "db/lineage/box_search.h"
#include "loupe/v1/provenance.pb.h"

namespace loupe {

// Errors: NOT_FOUND (NO_SUCH_REVIEWER, NO_SUCH_CLASS, NO_SUCH_MODEL), INVALID_ARGUMENT (a range that is
// upside down or out of bounds, an unknown origin, outcome, slice or side).
absl::StatusOr<BoxConditions> ConditionsOf(Transaction& transaction, ProjectId project,
                                           const v1::BoxFilter& filter);

}  // namespace loupe
