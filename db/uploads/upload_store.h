// Files that people send in parts and that wait to be imported. Each part is a blob, and so is a whole file.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "content/sha256.h"
#include "db/ids.h"

namespace loupe {

class Transaction;

// What waits for a person.
struct WaitingUploads {
  uint64_t files = 0;
  uint64_t bytes = 0;
};

// Locks: the person's uploads, until the transaction ends. They are kept for a day from then on.
WaitingUploads LockUploads(Transaction& transaction, PrincipalId principal);

struct UploadedFile {
  uint64_t received_bytes = 0;  // from the file's beginning
  bool is_complete = false;     // it is one blob
};

// By hash; without those of which nothing has come.
std::map<Sha256, UploadedFile> FindUploads(Transaction& transaction, PrincipalId principal,
                                           const std::vector<Sha256>& files);

// `part`: the blob's name; the file's own for a file of one part. Requires: LockUploads; the file's bytes
// before `offset` have come, and none from there on; the blob is there and LockBlobsForUse is held.
void InsertUploadPart(Transaction& transaction, PrincipalId principal, const Sha256& file, uint64_t offset,
                      const Sha256& part, uint64_t size_bytes);

// The blobs of a file's parts, in order.
std::vector<Sha256> ReadUploadParts(Transaction& transaction, PrincipalId principal, const Sha256& file);

// Returns the blobs that these files had, which other files may need.
std::vector<Sha256> DeleteUploads(Transaction& transaction, PrincipalId principal,
                                  const std::vector<Sha256>& files);

// At most `limit` files that wait for this person; 0: for people who have sent nothing for a day.
std::vector<std::pair<PrincipalId, Sha256>> ReadOldUploads(Transaction& transaction, PrincipalId principal,
                                                           int limit);

}  // namespace loupe
