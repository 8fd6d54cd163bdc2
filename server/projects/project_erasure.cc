#include "server/projects/project_erasure.h"

#include <vector>

#include "db/stores/image_store.h"
#include "db/stores/needed_blob_store.h"
#include "db/stores/project_store.h"

namespace loupe {
namespace {

constexpr int kAtATime = 200;
constexpr char kReason[] = "its project was deleted";

}  // namespace

absl::StatusOr<Erased> EraseDeletedProjects(Database& database, const BlobStore& blobs, absl::Time deadline) {
  return database.Transact({"EraseDeletedProjects", deadline},
                           [&](Transaction& transaction) -> absl::StatusOr<Erased> {
                             Erased erased;
                             LockBlobsForErasure(transaction);
                             std::vector<Sha256> hashes;
                             for (const ImageToErase& image : ReadImagesToErase(transaction, kAtATime)) {
                               RemoveImage(transaction, image.id, kReason, PrincipalId());
                               ++erased.images;
                               hashes.push_back(image.sha256);
                             }
                             const std::vector<Sha256> unneeded = HashesNotInUse(transaction, hashes);
                             // Before the commit: if that fails, the images are found again.
                             if (const Erasure gone = blobs.Erase(unneeded); !gone.why.ok()) return gone.why;
                             erased.pictures = unneeded.size();
                             return erased;
                           });
}

}  // namespace loupe
