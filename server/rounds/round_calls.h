// What people do to rounds, each call one short transaction. The round service speaks the protocol around
// them.
//
// Errors of all: NOT_FOUND (NO_SUCH_PROJECT), and those of Database::Transact.
#pragma once

#include "absl/status/statusor.h"
#include "db/database.h"
#include "db/ids.h"
#include "db/stores/round_store.h"
#include "loupe/v1/round.pb.h"

namespace loupe {

// Validates the whole recipe, freezes the truth of the pool and queues a round.
// Errors: INVALID_ARGUMENT (BAD_RECIPE), FAILED_PRECONDITION (NO_LABELS, NO_SUCH_MODEL). Idempotent by
// request_id.
absl::StatusOr<v1::Round> SubmitRound(Database& database, PrincipalId caller,
                                      const v1::SubmitRoundRequest& request);

// Errors: NOT_FOUND (NO_SUCH_ROUND).
absl::StatusOr<v1::Round> GetRound(Database& database, const v1::GetRoundRequest& request);

// Errors: INVALID_ARGUMENT (page).
absl::StatusOr<v1::ListRoundsResponse> ListRounds(Database& database, const v1::ListRoundsRequest& request);

// Errors: NOT_FOUND (NO_SUCH_ROUND), FAILED_PRECONDITION (ROUND_ENDED). Idempotent by request_id.
absl::StatusOr<v1::Round> CancelRound(Database& database, PrincipalId caller,
                                      const v1::CancelRoundRequest& request);

// The version of a round, raised by every change. Errors: NOT_FOUND (NO_SUCH_ROUND).
absl::StatusOr<int64_t> GetRoundVersion(Database& database, const v1::WatchRoundRequest& request);

}  // namespace loupe
