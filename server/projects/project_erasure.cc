#include "server/projects/project_erasure.h"

#include <vector>

#include "db/stores/image_store.h"
#include "db/stores/project_store.h"

namespace loupe {
namespace {

constexpr int kAtATime = 200;
constexpr char kReason[] = "its project was deleted";

}  // namespace

absl::StatusOr<int> EraseDeletedProjects(Database& database, const BlobStore& blobs, absl::Time deadline) {
  return database.Transact(
      {"EraseDeletedProjects", deadline}, [&](Transaction& transaction) -> absl::StatusOr<int> {
        LockBlobsForErasure(transaction);
        const std::vector<ImageToErase> images = ReadImagesToErase(transaction, kAtATime);
        for (const ImageToErase& image : images) {
          RemoveImage(transaction, image.id, kReason);
          if (IsHashInUse(transaction, image.sha256)) continue;
          // Before the commit: if that fails, the images are found again.
          if (absl::Status erased = blobs.Erase(image.sha256); !erased.ok()) return erased;
        }
        return static_cast<int>(images.size());
      });
}

}  // namespace loupe
