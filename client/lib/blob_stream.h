// Sends and fetches pictures and weights, in chunks of at most 1 MiB.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include <grpcpp/support/sync_stream.h>
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "client/lib/channel.h"
#include "client/lib/incoming_file.h"
#include "content/sha256.h"

namespace loupe {

inline constexpr size_t kChunkBytes = 1 << 20;

// Fetches a blob that a job needs by its hash into the file `path`, which is whole and checked or not there.
// Repeats on UNAVAILABLE. Errors: NOT_FOUND (NO_SUCH_BLOB), DATA_LOSS (other bytes came), FAILED_PRECONDITION
// (LEASE_ENDED; or the file can't be written), RESOURCE_EXHAUSTED (no room for the file).
absl::Status ReadBlob(const Connection& connection, int64_t job_id, int64_t lease, const Sha256& hash,
                      const std::filesystem::path& path, absl::Duration patience = absl::Seconds(10));

// Stores a file as a blob for a job. `hash` is the hash of the file's bytes. Repeats on UNAVAILABLE.
// Errors: NOT_FOUND (no such file), INVALID_ARGUMENT (BAD_BLOB), FAILED_PRECONDITION (LEASE_ENDED).
absl::Status WriteBlob(const Connection& connection, int64_t job_id, int64_t lease, const Sha256& hash,
                       const std::filesystem::path& path, absl::Duration patience = absl::Seconds(30));

// The hash of a file's bytes. Errors: NOT_FOUND.
absl::StatusOr<Sha256> HashOfFile(const std::filesystem::path& path);

// Passes a file's bytes to `take`, at most 1 MiB at a time, until `take` returns false (the stream is
// closed). Errors: NOT_FOUND (no such file), DATA_LOSS (it can't be read to its end).
absl::Status ForEachChunk(const std::filesystem::path& path, absl::FunctionRef<bool(std::string chunk)> take);

// Saves a stream of messages with a `chunk` field as a file, which is whole or not there.
// Errors: the stream's and IncomingFile's.
template <typename Response>
absl::Status SaveChunks(grpc::ClientContext& context, grpc::ClientReader<Response>& reader,
                        const std::filesystem::path& path, const std::optional<Sha256>& expected) {
  absl::StatusOr<IncomingFile> file = IncomingFile::Open(path);
  absl::Status written = file.status();
  Response response;
  while (written.ok() && reader.Read(&response)) written = file->Append(response.chunk());
  if (!written.ok()) context.TryCancel();
  const grpc::Status received = reader.Finish();
  if (!written.ok()) return written;
  if (!received.ok()) return FromGrpc(received);
  return file->Commit(expected);
}

}  // namespace loupe
