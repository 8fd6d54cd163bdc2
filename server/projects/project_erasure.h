// Removing the images of deleted projects.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "db/database.h"
#include "server/blobs/blob_store.h"

namespace loupe {

struct Erased {
  uint64_t images = 0;    // removed
  uint64_t pictures = 0;  // of these, erased: those that no other project has
};

// Removes some hundred images of deleted projects, with their pictures; none: none is left. Several
// coordinators may do so at once.
absl::StatusOr<Erased> EraseDeletedProjects(Database& database, const BlobStore& blobs, absl::Time deadline);

}  // namespace loupe
