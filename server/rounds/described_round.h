// A round as the protocol shows it.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "db/database.h"
#include "db/stores/round_store.h"
#include "loupe/v1/round.pb.h"

namespace loupe {

// NOT_FOUND (NO_SUCH_ROUND). number 0: the latest round.
absl::Status NoSuchRound(uint32_t number);

// number 0: the latest round. Errors: NOT_FOUND (NO_SUCH_PROJECT, NO_SUCH_ROUND).
absl::StatusOr<RoundRow> ReadRow(Transaction& transaction, const std::string& project_name, uint32_t number);

// Adds recipe, progress and the images that it set aside to the row's message. A recipe that can't be read is
// left out: its round has failed, and says so.
v1::Round DescribeRound(Transaction& transaction, RoundRow row);

}  // namespace loupe
