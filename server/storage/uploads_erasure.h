// Deletes files that wait to be imported.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "db/database.h"
#include "db/ids.h"
#include "server/blobs/blob_store.h"

namespace loupe {

// Deletes some hundred files that wait for this person; 0: for people who have sent nothing for a day.
// Returns how many; 0: none is left. Errors: those of Database::Transact, INTERNAL (a blob can't be erased).
absl::StatusOr<uint64_t> EraseUploads(Database& database, const BlobStore& blobs, PrincipalId principal,
                                      absl::Time deadline);

}  // namespace loupe
