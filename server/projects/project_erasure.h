// Removing the images of deleted projects.
#pragma once

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "db/database.h"
#include "server/blobs/blob_store.h"

namespace loupe {

// Removes some hundred images of deleted projects, with their pictures. Returns how many; 0: none is left.
// Several coordinators may do so at once.
absl::StatusOr<int> EraseDeletedProjects(Database& database, const BlobStore& blobs, absl::Time deadline);

}  // namespace loupe
