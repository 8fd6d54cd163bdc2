// People who may label.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "db/ids.h"

namespace loupe {

class Transaction;

// Somebody whose role labels, with a token that hasn't ended. Errors: NOT_FOUND (NO_SUCH_REVIEWER),
// FAILED_PRECONDITION (CANNOT_LABEL).
absl::StatusOr<PrincipalId> FindWhoLabels(Transaction& transaction, const std::string& name);

}  // namespace loupe
