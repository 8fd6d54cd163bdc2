#include "client/lib/blob_stream.h"

#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "loupe/v1/worker.grpc.pb.h"

namespace loupe {
namespace {

absl::Status WriteOnce(const Connection& connection, v1::WorkerService::Stub& stub,
                       const v1::WriteBlobHeader& header, const std::filesystem::path& path) {
  const auto context = connection.NewContext(StreamDeadline(header.size_bytes()));
  v1::WriteBlobResponse response;
  const auto writer = stub.WriteBlob(context.get(), &response);
  v1::WriteBlobRequest request;
  *request.mutable_header() = header;
  bool open = writer->Write(request);
  absl::Status read = ForEachChunk(path, [&](std::string chunk) {
    request.set_chunk(std::move(chunk));
    return open = open && writer->Write(request);
  });
  if (!read.ok()) context->TryCancel();
  writer->WritesDone();
  const grpc::Status sent = writer->Finish();
  return read.ok() ? FromGrpc(sent) : read;
}

}  // namespace

absl::Status ReadBlob(const Connection& connection, int64_t job_id, int64_t lease, const Sha256& hash,
                      const std::filesystem::path& path, absl::Duration patience) {
  constexpr absl::Duration kLongest = absl::Minutes(30);
  const auto stub = v1::WorkerService::NewStub(connection.channel());
  v1::ReadBlobRequest request;
  request.set_sha256(ToBytes(hash));
  request.set_job_id(job_id);
  request.set_lease(lease);
  return RetryUnavailable(patience, [&] {
    const auto context = connection.NewContext(kLongest);
    const auto reader = stub->ReadBlob(context.get(), request);
    return SaveChunks(*context, *reader, path, hash);
  });
}

absl::Status WriteBlob(const Connection& connection, int64_t job_id, int64_t lease, const Sha256& hash,
                       const std::filesystem::path& path, absl::Duration patience) {
  std::error_code error;
  const uint64_t size_bytes = std::filesystem::file_size(path, error);
  if (error) return absl::NotFoundError(absl::StrCat("can't read ", path.string(), ": ", error.message()));
  const auto stub = v1::WorkerService::NewStub(connection.channel());
  v1::WriteBlobHeader header;
  header.set_job_id(job_id);
  header.set_lease(lease);
  header.set_sha256(ToBytes(hash));
  header.set_size_bytes(size_bytes);
  return RetryUnavailable(patience, [&] { return WriteOnce(connection, *stub, header, path); });
}

absl::StatusOr<Sha256> HashOfFile(const std::filesystem::path& path) {
  Sha256Stream hash;
  absl::Status read = ForEachChunk(path, [&](std::string chunk) {
    hash.Update(chunk);
    return true;
  });
  if (!read.ok()) return read;
  return hash.Finish();
}

absl::Status ForEachChunk(const std::filesystem::path& path,
                          absl::FunctionRef<bool(std::string chunk)> take) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::NotFoundError(absl::StrCat("can't read ", path.string()));
  while (file) {
    std::string chunk(kChunkBytes, '\0');
    file.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
    if (file.bad()) break;
    chunk.resize(static_cast<size_t>(file.gcount()));
    if (chunk.empty()) break;
    if (!take(std::move(chunk))) return absl::OkStatus();
  }
  if (file.bad() || !file.eof())
    return absl::DataLossError(absl::StrCat("can't read ", path.string(), " to its end"));
  return absl::OkStatus();
}

}  // namespace loupe
