#include "server/storage/unneeded_blobs.h"

#include "db/stores/needed_blob_store.h"

namespace loupe {

absl::StatusOr<Erasure> EraseUnneeded(Database& database, const BlobStore& blobs,
                                      const std::vector<Sha256>& hashes, absl::Time deadline) {
  if (hashes.empty()) return Erasure();
  return database.Transact({"EraseUnneeded", deadline}, [&](Transaction& transaction) {
    LockBlobsForErasure(transaction);
    return absl::StatusOr<Erasure>(blobs.Erase(HashesNotInUse(transaction, hashes)));
  });
}

}  // namespace loupe
