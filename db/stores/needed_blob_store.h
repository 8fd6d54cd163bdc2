// Blobs that must be there, and who needs them: images, models, trainings that may go on, and people who are
// about to import files.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "content/sha256.h"

namespace loupe {

class Transaction;

enum class BlobKind { kPicture, kWeights, kCheckpoint, kUpload };

struct NeededBlob {
  BlobKind kind = BlobKind::kPicture;
  std::string needed_by;  // one of those who need it, for people
};

// Those whose hash begins with this byte.
std::map<Sha256, NeededBlob> ReadNeededBlobs(Transaction& transaction, uint8_t first_byte);

// Those of them that nothing needs, each once.
std::vector<Sha256> HashesNotInUse(Transaction& transaction, const std::vector<Sha256>& hashes);

uint64_t ReadDatabaseBytes(Transaction& transaction);

// Until the transaction ends, nothing that needs a blob is written. Locks: the erasure of blobs, alone.
void LockBlobsForErasure(Transaction& transaction);
// Until the transaction ends, no blob is erased. Locks: the erasure of blobs, shared.
void LockBlobsForUse(Transaction& transaction);

}  // namespace loupe
