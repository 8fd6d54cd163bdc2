// Erases blobs that nothing needs.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "content/sha256.h"
#include "db/database.h"
#include "server/blobs/blob_store.h"

namespace loupe {

// Erases those of these blobs that nothing needs. Nothing that needs one is written meanwhile: pass few at a
// time. Errors: those of Database::Transact.
absl::StatusOr<Erasure> EraseUnneeded(Database& database, const BlobStore& blobs,
                                      const std::vector<Sha256>& hashes, absl::Time deadline);

}  // namespace loupe
