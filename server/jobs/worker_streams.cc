// The streaming methods of server/jobs/worker_service.h.

#include <cstring>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "db/stores/image_store.h"
#include "db/stores/job_store.h"
#include "db/stores/prediction_store.h"
#include "db/stores/project_store.h"
#include "db/stores/pseudo_label_store.h"
#include "db/stores/round_store.h"
#include "proto/error_info.h"
#include "recipe/recipe.h"
#include "server/jobs/job_lease.h"
#include "server/jobs/prediction_check.h"
#include "server/jobs/trained_model.h"
#include "server/jobs/worker_service.h"
#include "server/rpc/blob_chunks.h"

namespace loupe {
namespace {

constexpr char kReadSnapshot[] = "WorkerService.ReadSnapshot";
constexpr char kReadJobImages[] = "WorkerService.ReadJobImages";
constexpr char kReadBlob[] = "WorkerService.ReadBlob";
constexpr char kWriteBlob[] = "WorkerService.WriteBlob";
constexpr char kUploadPredictions[] = "WorkerService.UploadPredictions";

constexpr int kItemsPerPage = 500;
// Images whose predictions are stored in one transaction.
constexpr size_t kPredictionsAtATime = 64;
constexpr uint64_t kMaxBlobBytes = uint64_t{4} << 30;

absl::Status BadBlob(absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_BLOB", std::string(what));
}

absl::Status BadPrediction(absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_PREDICTION", std::string(what));
}

// Sends pages of items until a page is empty or the client went away. One transaction per page:
// `read(transaction, after, limit)` returns the items of images with ids above `after`, in order of id.
// Errors: UNAVAILABLE (SHUTTING_DOWN), and those of Database::Transact.
template <typename Item, typename Read>
absl::Status SendPages(const RpcCalls& calls, Database& database, const TransactionOptions& options,
                       Read read, grpc::ServerWriter<Item>& writer) {
  ImageId after;
  for (;;) {
    if (const absl::Status up = calls.RefuseWhenDraining(); !up.ok()) return up;
    const auto page =
        database.Transact(options, [&](Transaction& transaction) -> absl::StatusOr<std::vector<Item>> {
          return read(transaction, after, kItemsPerPage);
        });
    if (!page.ok()) return page.status();
    if (page->empty()) return absl::OkStatus();
    for (const Item& item : *page) {
      if (!writer.Write(item)) return absl::OkStatus();
    }
    after = ImageId(page->back().image().id());
  }
}

// Stores the predictions, or none of them. Idempotent: an image that is predicted already is counted as
// repeated. Errors: LeaseEnded, INVALID_ARGUMENT (BAD_PREDICTION).
absl::StatusOr<v1::UploadPredictionsResponse> StorePredictions(Transaction& transaction, const JobRow& job,
                                                               const HeldJob& held, uint32_t class_count,
                                                               std::vector<v1::ImagePrediction> predictions) {
  if (!LockJobLease(transaction, held)) return LeaseEnded();
  std::vector<int64_t> ids;
  for (const v1::ImagePrediction& prediction : predictions) ids.push_back(prediction.image_id());
  const std::unordered_map<int64_t, ImageBounds> bounds = ReadBounds(transaction, job, ids);
  v1::UploadPredictionsResponse counts;
  for (v1::ImagePrediction& prediction : predictions) {
    const auto known = bounds.find(prediction.image_id());
    if (known == bounds.end()) {
      return BadPrediction(absl::StrCat("image ", prediction.image_id(), " is not of this job"));
    }
    if (!known->second.usable) {  // since the worker asked for the job's images
      counts.set_repeated(counts.repeated() + 1);
      continue;
    }
    const absl::StatusOr<PredictionFault> fault = CheckPrediction(known->second, class_count, prediction);
    if (!fault.ok()) return fault.status();
    if (fault->of_image) {
      SetImageAside(transaction, ImageId(prediction.image_id()), fault->reason, job.round, held.holder);
      counts.set_set_aside(counts.set_aside() + 1);
    } else if (!InsertPrediction(transaction, job.model, prediction, fault->reason)) {
      counts.set_repeated(counts.repeated() + 1);
    } else if (fault->reason.empty()) {
      counts.set_stored(counts.stored() + 1);
    } else {
      counts.set_set_aside(counts.set_aside() + 1);
    }
  }
  if (counts.stored() + counts.set_aside() > 0) ForgetJobAttempts(transaction, job.id);
  return counts;
}

// `held_out`: a search's fold, from 1; 0: the job trains on all images.
struct Folds {
  uint32_t held_out = 0;
  uint32_t count = 0;
};

// Images of a group are alike, so that they are in the same fold.
bool IsHeldOut(const Folds& folds, const v1::SnapshotItem& item) {
  if (folds.held_out == 0 || item.pseudo()) return false;
  const std::string& group = item.image().group();
  const Sha256 hash = group.empty() ? *FromBytes(item.image().sha256()) : HashOf(group);
  uint64_t bits = 0;
  std::memcpy(&bits, hash.data(), sizeof(bits));
  return bits % folds.count + 1 == folds.held_out;
}

void AddCounts(const v1::UploadPredictionsResponse& counts, v1::UploadPredictionsResponse& total) {
  total.set_stored(total.stored() + counts.stored());
  total.set_repeated(total.repeated() + counts.repeated());
  total.set_set_aside(total.set_aside() + counts.set_aside());
}

}  // namespace

grpc::Status WorkerServiceImpl::ReadSnapshot(grpc::ServerContext* context,
                                             const v1::ReadSnapshotRequest* request,
                                             grpc::ServerWriter<v1::SnapshotItem>* writer) {
  return calls_.Stream(context, kReadSnapshot, request,
                       [&](const Call& call) { return SendSnapshot(call, *request, *writer); });
}

absl::Status WorkerServiceImpl::SendSnapshot(const Call& call, const v1::ReadSnapshotRequest& request,
                                             grpc::ServerWriter<v1::SnapshotItem>& writer) {
  const TransactionOptions options(kReadSnapshot, call.deadline);
  const absl::StatusOr<JobRow> job = database_.Transact(options, [&](Transaction& transaction) {
    return ReadLeasedJob(transaction, HeldBy(call, request), {v1::TRAIN, v1::FIND_LABEL_ERRORS});
  });
  if (!job.ok()) return job.status();
  const absl::StatusOr<v1::Recipe> recipe = ParseStoredRecipe(job->recipe);
  if (!recipe.ok()) return recipe.status();
  const Folds folds = {job->message.fold(), recipe->label_errors().folds()};
  for (const auto read : {ReadSnapshotItems, ReadPseudoLabels}) {
    const absl::Status sent = SendPages(
        calls_, database_, options,
        [&](Transaction& transaction, ImageId after, int limit) {
          std::vector<v1::SnapshotItem> items = read(transaction, job->snapshot, after, limit);
          for (v1::SnapshotItem& item : items) item.set_held_out(IsHeldOut(folds, item));
          return items;
        },
        writer);
    if (!sent.ok()) return sent;
  }
  return absl::OkStatus();
}

grpc::Status WorkerServiceImpl::ReadJobImages(grpc::ServerContext* context,
                                              const v1::ReadJobImagesRequest* request,
                                              grpc::ServerWriter<v1::JobImage>* writer) {
  return calls_.Stream(context, kReadJobImages, request,
                       [&](const Call& call) { return SendJobImages(call, *request, *writer); });
}

absl::Status WorkerServiceImpl::SendJobImages(const Call& call, const v1::ReadJobImagesRequest& request,
                                              grpc::ServerWriter<v1::JobImage>& writer) {
  const TransactionOptions options(kReadJobImages, call.deadline);
  const absl::StatusOr<JobRow> job = database_.Transact(options, [&](Transaction& transaction) {
    return ReadLeasedJob(transaction, HeldBy(call, request), {v1::EVALUATE, v1::PREDICT});
  });
  if (!job.ok()) return job.status();
  return SendPages(
      calls_, database_, options,
      [&](Transaction& transaction, ImageId after, int limit) {
        return loupe::ReadJobImages(transaction, *job, after, limit);
      },
      writer);
}

grpc::Status WorkerServiceImpl::ReadBlob(grpc::ServerContext* context, const v1::ReadBlobRequest* request,
                                         grpc::ServerWriter<v1::ReadBlobResponse>* writer) {
  return calls_.Stream(context, kReadBlob, request, [&](const Call& call) -> absl::Status {
    const std::optional<Sha256> hash = FromBytes(request->sha256());
    if (!hash.has_value()) return InvalidArgument("sha256 must be 32 bytes");
    if (const absl::Status needed = CheckNeeded(call, *request, *hash); !needed.ok()) return needed;
    return WriteChunks(calls_, blobs_, *hash, *writer);
  });
}

absl::Status WorkerServiceImpl::CheckNeeded(const Call& call, const v1::ReadBlobRequest& request,
                                            const Sha256& blob) {
  return database_.Transact({kReadBlob, call.deadline}, [&](Transaction& transaction) -> absl::Status {
    const HeldJob held = HeldBy(call, request);
    const std::optional<bool> needed = JobNeedsBlob(transaction, held, blob);
    if (!needed.has_value()) return LeaseEnded();
    if (*needed) return absl::OkStatus();
    const std::optional<JobRow> job = FindJob(transaction, held.job);
    const absl::StatusOr<v1::Recipe> recipe = ParseStoredRecipe(job->recipe);
    if (!recipe.ok()) return recipe.status();
    const std::optional<ModelRow> init = FindInitModel(transaction, *job, *recipe);
    if (init.has_value() && init->weights == blob) return absl::OkStatus();
    return Error(absl::StatusCode::kNotFound, "NO_SUCH_BLOB",
                 absl::StrCat("the job has no blob ", ToHex(blob)));
  });
}

grpc::Status WorkerServiceImpl::WriteBlob(grpc::ServerContext* context,
                                          grpc::ServerReader<v1::WriteBlobRequest>* reader,
                                          v1::WriteBlobResponse*) {
  return calls_.Stream(context, kWriteBlob, nullptr,
                       [&](const Call& call) { return TakeBlob(call, *reader); });
}

absl::Status WorkerServiceImpl::TakeBlob(const Call& call, grpc::ServerReader<v1::WriteBlobRequest>& reader) {
  v1::WriteBlobRequest request;
  if (!reader.Read(&request) || !request.has_header())
    return BadBlob("the stream must begin with a `header`");
  const v1::WriteBlobHeader header = request.header();
  const std::optional<Sha256> hash = FromBytes(header.sha256());
  if (!hash.has_value()) return BadBlob("sha256 must be 32 bytes");
  if (header.size_bytes() > kMaxBlobBytes) return BadBlob("a blob may have at most 4 GiB");
  const absl::StatusOr<JobRow> job =
      database_.Transact({kWriteBlob, call.deadline}, [&](Transaction& transaction) {
        return ReadLeasedJob(transaction, HeldBy(call, header),
                             {v1::TRAIN, v1::EVALUATE, v1::PREDICT, v1::FIND_LABEL_ERRORS});
      });
  if (!job.ok()) return job.status();

  absl::StatusOr<BlobWriter> writer = blobs_.NewWriter(header.size_bytes(), header.size_bytes());
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
  return calls_.Stream(context, kUploadPredictions, nullptr, [&](const Call& call) -> absl::Status {
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
  const HeldJob held = HeldBy(call, request.start());
  const TransactionOptions options(kUploadPredictions, call.deadline);
  uint32_t class_count = 0;
  const absl::StatusOr<JobRow> job = database_.Transact(options, [&](Transaction& transaction) {
    absl::StatusOr<JobRow> leased = ReadLeasedJob(transaction, held, {v1::EVALUATE, v1::PREDICT});
    if (leased.ok()) class_count = static_cast<uint32_t>(ReadClassesOfJob(transaction, *leased).size());
    return leased;
  });
  if (!job.ok()) return job.status();

  v1::UploadPredictionsResponse total;
  std::vector<v1::ImagePrediction> piece;
  const auto store = [&]() -> absl::Status {
    const auto counts = database_.Transact(options, [&](Transaction& transaction) {
      return StorePredictions(transaction, *job, held, class_count, piece);
    });
    piece.clear();
    if (counts.ok()) AddCounts(*counts, total);
    return counts.status();
  };
  while (reader.Read(&request)) {
    if (!request.has_prediction()) return BadPrediction("after `start` only predictions may come");
    piece.push_back(std::move(*request.mutable_prediction()));
    if (piece.size() < kPredictionsAtATime) continue;
    if (const absl::Status stored = store(); !stored.ok()) return stored;
  }
  // A stream that broke keeps the pieces that are stored; the worker sends the rest again.
  if (!piece.empty() && !call.cancelled()) {
    if (const absl::Status stored = store(); !stored.ok()) return stored;
  }
  return total;
}

}  // namespace loupe
