// The streaming methods of server/jobs/worker_service.h.

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "db/stores/prediction_store.h"
#include "db/stores/pseudo_label_store.h"
#include "db/stores/round_store.h"
#include "proto/error_info.h"
#include "server/jobs/job_calls.h"
#include "server/jobs/worker_service.h"
#include "server/rpc/blob_chunks.h"

namespace loupe {
namespace {

constexpr int kPageRows = 500;
constexpr uint64_t kMaxBlobBytes = uint64_t{4} << 30;

absl::Status BadBlob(absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_BLOB", std::string(what));
}

absl::Status BadPrediction(absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_PREDICTION", std::string(what));
}

// Sends all that `read(transaction, after, limit)` gives, items of images with ids above `after`, in order: a
// transaction a page, until there is no more, nobody listens, or the coordinator shuts down.
template <typename Item, typename Read>
absl::Status SendPages(const RpcCalls& calls, Database& database, const char* name, Read read,
                       grpc::ServerWriter<Item>& writer) {
  ImageId after;
  for (;;) {
    if (const absl::Status up = calls.RefuseWhenDraining(); !up.ok()) return up;
    const auto page =
        database.Transact(name, [&](Transaction& transaction) -> absl::StatusOr<std::vector<Item>> {
          return read(transaction, after, kPageRows);
        });
    if (!page.ok()) return page.status();
    if (page->empty()) return absl::OkStatus();
    for (const Item& item : *page) {
      if (!writer.Write(item)) return absl::OkStatus();
    }
    after = ImageId(page->back().image().id());
  }
}

}  // namespace

grpc::Status WorkerServiceImpl::ReadSnapshot(grpc::ServerContext* context,
                                             const v1::ReadSnapshotRequest* request,
                                             grpc::ServerWriter<v1::SnapshotItem>* writer) {
  return calls_.Stream(context, "WorkerService.ReadSnapshot", request,
                       [&](const Call&) { return SendSnapshot(*request, *writer); });
}

absl::Status WorkerServiceImpl::SendSnapshot(const v1::ReadSnapshotRequest& request,
                                             grpc::ServerWriter<v1::SnapshotItem>& writer) {
  const absl::StatusOr<JobRow> job = ReadLeasedJob(database_, request.job_id(), request.lease(), {v1::TRAIN});
  if (!job.ok()) return job.status();
  for (const auto read : {ReadSnapshotItems, ReadPseudoLabels}) {
    const absl::Status sent = SendPages(
        calls_, database_, "ReadSnapshot",
        [&](Transaction& transaction, ImageId after, int limit) {
          return read(transaction, job->snapshot, after, limit);
        },
        writer);
    if (!sent.ok()) return sent;
  }
  return absl::OkStatus();
}

grpc::Status WorkerServiceImpl::ReadJobImages(grpc::ServerContext* context,
                                              const v1::ReadJobImagesRequest* request,
                                              grpc::ServerWriter<v1::JobImage>* writer) {
  return calls_.Stream(context, "WorkerService.ReadJobImages", request,
                       [&](const Call&) { return SendJobImages(*request, *writer); });
}

absl::Status WorkerServiceImpl::SendJobImages(const v1::ReadJobImagesRequest& request,
                                              grpc::ServerWriter<v1::JobImage>& writer) {
  const absl::StatusOr<JobRow> job =
      ReadLeasedJob(database_, request.job_id(), request.lease(), {v1::EVALUATE, v1::PREDICT});
  if (!job.ok()) return job.status();
  return SendPages(
      calls_, database_, "ReadJobImages",
      [&](Transaction& transaction, ImageId after, int limit) {
        return loupe::ReadJobImages(transaction, *job, after, limit);
      },
      writer);
}

grpc::Status WorkerServiceImpl::ReadBlob(grpc::ServerContext* context, const v1::ReadBlobRequest* request,
                                         grpc::ServerWriter<v1::ReadBlobResponse>* writer) {
  return calls_.Stream(context, "WorkerService.ReadBlob", request, [&](const Call&) -> absl::Status {
    const std::optional<Sha256> hash = FromBytes(request->sha256());
    if (!hash.has_value()) {
      return Error(absl::StatusCode::kInvalidArgument, "INVALID_ARGUMENT", "sha256 must be 32 bytes");
    }
    return WriteChunks(calls_, blobs_, *hash, *writer);
  });
}

grpc::Status WorkerServiceImpl::WriteBlob(grpc::ServerContext* context,
                                          grpc::ServerReader<v1::WriteBlobRequest>* reader,
                                          v1::WriteBlobResponse*) {
  return calls_.Stream(context, "WorkerService.WriteBlob", nullptr,
                       [&](const Call&) { return TakeBlob(*reader); });
}

absl::Status WorkerServiceImpl::TakeBlob(grpc::ServerReader<v1::WriteBlobRequest>& reader) {
  v1::WriteBlobRequest request;
  if (!reader.Read(&request) || !request.has_header())
    return BadBlob("the stream must begin with a `header`");
  const v1::WriteBlobHeader header = request.header();
  const std::optional<Sha256> hash = FromBytes(header.sha256());
  if (!hash.has_value()) return BadBlob("sha256 must be 32 bytes");
  if (header.size_bytes() > kMaxBlobBytes) return BadBlob("a blob may have at most 4 GiB");
  const absl::StatusOr<JobRow> job =
      ReadLeasedJob(database_, header.job_id(), header.lease(), {v1::TRAIN, v1::EVALUATE, v1::PREDICT});
  if (!job.ok()) return job.status();

  absl::StatusOr<BlobWriter> writer = blobs_.NewWriter(header.size_bytes());
  if (!writer.ok()) return writer.status();
  while (reader.Read(&request)) {
    if (request.part_case() != v1::WriteBlobRequest::kChunk || request.chunk().size() > kChunkBytes) {
      return BadBlob("after the `header` only chunks of at most 1 MiB may come");
    }
    if (request.chunk().size() > header.size_bytes() - writer->size_bytes()) {
      return BadBlob("more bytes came than the `header` announced");
    }
    if (const absl::Status written = writer->Append(request.chunk()); !written.ok()) return written;
  }
  const absl::StatusOr<BlobInfo> info = writer->Commit(*hash, header.size_bytes());
  return absl::IsInvalidArgument(info.status()) ? BadBlob(info.status().message()) : info.status();
}

grpc::Status WorkerServiceImpl::UploadPredictions(grpc::ServerContext* context,
                                                  grpc::ServerReader<v1::UploadPredictionsRequest>* reader,
                                                  v1::UploadPredictionsResponse* response) {
  return calls_.Stream(
      context, "WorkerService.UploadPredictions", nullptr, [&](const Call& call) -> absl::Status {
        absl::StatusOr<v1::UploadPredictionsResponse> counts = TakePredictions(call, *reader);
        if (counts.ok()) *response = *std::move(counts);
        return counts.status();
      });
}

absl::StatusOr<v1::UploadPredictionsResponse> WorkerServiceImpl::TakePredictions(
    const Call& call, grpc::ServerReader<v1::UploadPredictionsRequest>& reader) {
  v1::UploadPredictionsRequest request;
  if (!reader.Read(&request) || !request.has_start())
    return BadPrediction("the stream must begin with `start`");
  const LeaseNumber lease(request.start().lease());
  const absl::StatusOr<JobRow> job =
      ReadLeasedJob(database_, request.start().job_id(), lease.value(), {v1::EVALUATE, v1::PREDICT});
  if (!job.ok()) return job.status();
  const absl::StatusOr<uint32_t> classes =
      database_.Transact("CountClasses", [&](Transaction& transaction) -> absl::StatusOr<uint32_t> {
        return static_cast<uint32_t>(ReadClasses(transaction, job->project).size());
      });
  if (!classes.ok()) return classes.status();

  v1::UploadPredictionsResponse response;
  std::vector<v1::ImagePrediction> piece;
  const auto store = [&]() -> absl::Status {
    const absl::StatusOr<UploadCounts> counts =
        StorePredictions(database_, *job, lease, *classes, std::move(piece));
    piece.clear();
    if (!counts.ok()) return counts.status();
    response.set_stored(response.stored() + counts->stored);
    response.set_repeated(response.repeated() + counts->repeated);
    response.set_set_aside(response.set_aside() + counts->set_aside);
    return absl::OkStatus();
  };
  while (reader.Read(&request)) {
    if (!request.has_prediction()) return BadPrediction("after `start` only predictions may come");
    piece.push_back(std::move(*request.mutable_prediction()));
    if (piece.size() < kPredictionPiece) continue;
    if (const absl::Status stored = store(); !stored.ok()) return stored;
  }
  // A stream that broke keeps its whole pieces; the rest is sent again.
  if (!piece.empty() && !call.cancelled()) {
    if (const absl::Status stored = store(); !stored.ok()) return stored;
  }
  return response;
}

}  // namespace loupe
