// Sends blobs over a stream.
#pragma once

#include <grpcpp/support/sync_stream.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "content/sha256.h"
#include "proto/error_info.h"
#include "server/blobs/blob_store.h"
#include "server/rpc/rpc_call.h"

namespace loupe {

// The largest chunk of any stream of bytes, in both directions.
constexpr size_t kChunkBytes = 1 << 20;

// Writes a blob as messages with a `chunk` field. Returns OK early when the client has gone away. The last
// chunk is sent when all bytes have the hash, so that a damaged blob never arrives whole. Errors: NOT_FOUND
// (NO_SUCH_BLOB), DATA_LOSS (DAMAGED_BLOB), UNAVAILABLE (SHUTTING_DOWN).
template <typename Response>
absl::Status WriteChunks(const RpcCalls& calls, const BlobStore& blobs, const Sha256& hash,
                         grpc::ServerWriter<Response>& writer) {
  absl::StatusOr<BlobReader> reader = blobs.OpenBlob(hash);
  if (absl::IsNotFound(reader.status())) {
    return Error(absl::StatusCode::kNotFound, "NO_SUCH_BLOB", std::string(reader.status().message()));
  }
  if (!reader.ok()) return reader.status();
  Sha256Stream stream;
  Response response;
  for (;;) {
    if (const absl::Status up = calls.RefuseWhenDraining(); !up.ok()) return up;
    absl::StatusOr<std::string> bytes = reader->Next(kChunkBytes);
    if (!bytes.ok()) return bytes.status();
    stream.Update(*bytes);
    const bool ends = bytes->empty();
    if (ends && stream.Finish() != hash) {
      return Error(absl::StatusCode::kDataLoss, "DAMAGED_BLOB",
                   absl::StrCat("blob ", ToHex(hash), " was changed on the disk: restore it from a backup"));
    }
    if (!response.chunk().empty() && !writer.Write(response)) return absl::OkStatus();
    if (ends) return absl::OkStatus();
    response.set_chunk(*std::move(bytes));
  }
}

}  // namespace loupe
