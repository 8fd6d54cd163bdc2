#include "server/storage/uploads_erasure.h"

#include <map>
#include <vector>

#include "db/stores/needed_blob_store.h"
#include "db/uploads/upload_store.h"

namespace loupe {
namespace {

constexpr int kUploadsAtATime = 200;

}  // namespace

absl::StatusOr<uint64_t> EraseUploads(Database& database, const BlobStore& blobs, PrincipalId principal,
                                      absl::Time deadline) {
  return database.Transact(
      {"EraseUploads", deadline}, [&](Transaction& transaction) -> absl::StatusOr<uint64_t> {
        LockBlobsForErasure(transaction);
        std::map<PrincipalId, std::vector<Sha256>> files;
        uint64_t count = 0;
        for (const auto& [owner, file] : ReadOldUploads(transaction, principal, kUploadsAtATime)) {
          files[owner].push_back(file);
          ++count;
        }
        std::vector<Sha256> parts;
        for (const auto& [owner, hashes] : files) {
          for (const Sha256& part : DeleteUploads(transaction, owner, hashes)) parts.push_back(part);
        }
        // Before the commit: if that fails, the files are found again.
        const Erasure erased = blobs.Erase(HashesNotInUse(transaction, parts));
        if (!erased.why.ok()) return erased.why;
        return count;
      });
}

}  // namespace loupe
