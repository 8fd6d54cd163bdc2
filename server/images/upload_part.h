// Takes files that come in parts.
#pragma once

#include "absl/status/statusor.h"
#include "db/database.h"
#include "db/uploads/upload_store.h"
#include "loupe/v1/upload.pb.h"
#include "server/blobs/blob_store.h"

namespace loupe {

// proto/loupe/v1/upload.proto says which errors UploadPart has.
absl::StatusOr<UploadedFile> TakePart(Database& database, const BlobStore& blobs,
                                      const TransactionOptions& options, PrincipalId principal,
                                      const v1::UploadPartRequest& request);

v1::UploadState StateOf(const UploadedFile& file);

}  // namespace loupe
