#include "server/storage/storage_service.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "db/stores/needed_blob_store.h"
#include "server/storage/unneeded_blobs.h"

namespace loupe {
namespace {

constexpr int kShards = 256;  // by the first byte of the hash
// What came in this time may be on its way to be named.
constexpr absl::Duration kYoung = absl::Hours(1);
constexpr size_t kErasedAtATime = 200;

constexpr char kCollect[] = "StorageService.CollectStorage";
constexpr char kVerify[] = "StorageService.VerifyStorage";

using NeededBlobs = std::map<Sha256, NeededBlob>;

void Add(uint64_t bytes, v1::BlobCount& count) {
  count.set_blobs(count.blobs() + 1);
  count.set_bytes(count.bytes() + bytes);
}

v1::BlobCount& CountOf(BlobKind kind, v1::Storage& storage) {
  switch (kind) {
    case BlobKind::kPicture:
      return *storage.mutable_pictures();
    case BlobKind::kWeights:
      return *storage.mutable_weights();
    case BlobKind::kCheckpoint:
      return *storage.mutable_checkpoints();
    case BlobKind::kUpload:
      return *storage.mutable_uploads();
  }
  __builtin_unreachable();
}

absl::Status GoneAway() { return absl::CancelledError("the client went away"); }

// One of the shards: what is there, then who needs it. A blob that is written and named in between is not
// there.
struct Shard {
  std::vector<StoredBlob> stored;
  NeededBlobs needed;
};

absl::StatusOr<NeededBlobs> ReadNeeded(Database& database, const TransactionOptions& options,
                                       uint8_t first_byte) {
  return database.Transact(options, [&](Transaction& transaction) -> absl::StatusOr<NeededBlobs> {
    return ReadNeededBlobs(transaction, first_byte);
  });
}

absl::StatusOr<Shard> ReadShard(Database& database, const BlobStore& blobs, const TransactionOptions& options,
                                uint8_t first_byte) {
  absl::StatusOr<std::vector<StoredBlob>> stored = blobs.List(first_byte);
  if (!stored.ok()) return stored.status();
  absl::StatusOr<NeededBlobs> needed = ReadNeeded(database, options, first_byte);
  if (!needed.ok()) return needed.status();
  return Shard{*std::move(stored), *std::move(needed)};
}

// Erases a shard's blobs that nothing needs, and adds to `total` what went and what stayed. Errors:
// CANCELLED, and those of EraseUnneeded.
absl::Status Collect(const Call& call, Database& database, const BlobStore& blobs,
                     const std::map<Sha256, uint64_t>& unneeded, v1::CollectStorageResponse& total) {
  std::vector<Sha256> hashes;
  for (auto next = unneeded.begin(); next != unneeded.end();) {
    if (call.cancelled()) return GoneAway();
    hashes.push_back(next->first);
    if (++next != unneeded.end() && hashes.size() < kErasedAtATime) continue;
    const absl::StatusOr<Erasure> erasure = EraseUnneeded(database, blobs, hashes, call.deadline);
    if (!erasure.ok()) return erasure.status();
    for (const Sha256& hash : erasure->erased) Add(unneeded.at(hash), *total.mutable_removed());
    for (const Sha256& hash : erasure->kept) {
      spdlog::warn("blob {} stays: {}", ToHex(hash), std::string(erasure->why.message()));
      Add(unneeded.at(hash), *total.mutable_kept());
    }
    hashes.clear();
  }
  return absl::OkStatus();
}

// What is wrong with a blob, and what to do.
std::string FaultOf(const absl::Status& status, BlobKind kind) {
  const std::string what = absl::IsNotFound(status)   ? "its file is missing"
                           : absl::IsDataLoss(status) ? "its file was changed"
                                                      : std::string(status.message());
  switch (kind) {
    case BlobKind::kPicture:
      return absl::StrCat(what, ": import the picture again, or restore the file from a backup");
    case BlobKind::kWeights:
      return absl::StrCat(what, ": restore the file from a backup");
    case BlobKind::kCheckpoint:
      return absl::StrCat(what, ": nothing is to do, training goes on from the checkpoint before it");
    case BlobKind::kUpload:
      return absl::StrCat(what, ": choose the files again in the browser, which sends what is missing");
  }
  __builtin_unreachable();
}

}  // namespace

grpc::Status StorageServiceImpl::GetStorage(grpc::ServerContext* context,
                                            const v1::GetStorageRequest* request, v1::Storage* response) {
  constexpr char kMethod[] = "StorageService.GetStorage";
  return calls_.Unary(
      context, kMethod, request, response, [&](const Call& call) -> absl::StatusOr<v1::Storage> {
        const auto turn = calls_.WaitForTurn(call);
        if (!turn.ok()) return turn.status();
        const absl::StatusOr<DiskRoom> room = blobs_.Room();
        if (!room.ok()) return room.status();
        v1::Storage storage;
        storage.set_disk_bytes(room->total_bytes);
        storage.set_free_bytes(room->free_bytes);
        storage.set_reserve_bytes(room->reserve_bytes);
        for (int first_byte = 0; first_byte < kShards; ++first_byte) {
          if (call.cancelled()) return GoneAway();
          const absl::StatusOr<Shard> shard =
              ReadShard(database_, blobs_, call.LongRead(kMethod), static_cast<uint8_t>(first_byte));
          if (!shard.ok()) return shard.status();
          for (const StoredBlob& blob : shard->stored) {
            const auto needed = shard->needed.find(blob.hash);
            Add(blob.size_bytes, needed != shard->needed.end() ? CountOf(needed->second.kind, storage)
                                 : absl::Now() - blob.written < kYoung
                                     ? *storage.mutable_unneeded_of_last_hour()
                                     : *storage.mutable_unneeded());
          }
        }
        const auto database_bytes = database_.Transact(
            call.LongRead(kMethod), [](Transaction& transaction) -> absl::StatusOr<uint64_t> {
              return ReadDatabaseBytes(transaction);
            });
        if (!database_bytes.ok()) return database_bytes.status();
        storage.set_database_bytes(*database_bytes);
        return storage;
      });
}

absl::Status StorageServiceImpl::CollectShard(const Call& call, uint8_t first_byte, bool dry_run,
                                              v1::CollectStorageResponse& total) {
  const auto turn = calls_.WaitForTurn(call);
  if (!turn.ok()) return turn.status();
  const absl::StatusOr<Shard> shard = ReadShard(database_, blobs_, call.LongRead(kCollect), first_byte);
  if (!shard.ok()) return shard.status();
  std::map<Sha256, uint64_t> unneeded;  // hash -> bytes
  for (const StoredBlob& blob : shard->stored) {
    Add(blob.size_bytes, *total.mutable_looked_at());
    if (shard->needed.contains(blob.hash) || absl::Now() - blob.written < kYoung) continue;
    if (dry_run) Add(blob.size_bytes, *total.mutable_removed());
    unneeded[blob.hash] = blob.size_bytes;
  }
  return dry_run ? absl::OkStatus() : Collect(call, database_, blobs_, unneeded, total);
}

grpc::Status StorageServiceImpl::CollectStorage(grpc::ServerContext* context,
                                                const v1::CollectStorageRequest* request,
                                                grpc::ServerWriter<v1::CollectStorageResponse>* writer) {
  return calls_.Stream(context, kCollect, request, [&](const Call& call) -> absl::Status {
    v1::CollectStorageResponse total;
    for (int first_byte = 0; first_byte < kShards; ++first_byte) {
      const absl::Status collected =
          CollectShard(call, static_cast<uint8_t>(first_byte), request->dry_run(), total);
      if (!collected.ok()) return collected;
      if (!writer->Write(total)) return absl::OkStatus();
    }
    return absl::OkStatus();
  });
}

absl::Status StorageServiceImpl::VerifyShard(const Call& call, uint8_t first_byte,
                                             v1::VerifyStorageResponse& total) {
  const auto turn = calls_.WaitForTurn(call);
  if (!turn.ok()) return turn.status();
  const auto needed = ReadNeeded(database_, call.LongRead(kVerify), first_byte);
  if (!needed.ok()) return needed.status();
  for (const auto& [hash, blob] : *needed) {
    if (call.cancelled()) return GoneAway();
    const absl::StatusOr<uint64_t> bytes = blobs_.Size(hash);
    const absl::Status whole = bytes.ok() ? blobs_.Verify(hash) : bytes.status();
    if (absl::IsNotFound(whole)) {
      const auto unneeded = database_.Transact(call.LongRead(kVerify), [&](Transaction& transaction) {
        return absl::StatusOr<std::vector<Sha256>>(HashesNotInUse(transaction, {hash}));
      });
      if (!unneeded.ok()) return unneeded.status();
      if (!unneeded->empty()) continue;  // removed meanwhile
    }
    Add(bytes.value_or(0), *total.mutable_verified());
    if (whole.ok()) continue;
    v1::DamagedBlob& damaged = *total.add_damaged();
    damaged.set_sha256(ToBytes(hash));
    damaged.set_needed_by(blob.needed_by);
    damaged.set_fault(FaultOf(whole, blob.kind));
  }
  return absl::OkStatus();
}

grpc::Status StorageServiceImpl::VerifyStorage(grpc::ServerContext* context,
                                               const v1::VerifyStorageRequest* request,
                                               grpc::ServerWriter<v1::VerifyStorageResponse>* writer) {
  return calls_.Stream(context, kVerify, request, [&](const Call& call) -> absl::Status {
    v1::VerifyStorageResponse total;
    for (int first_byte = 0; first_byte < kShards; ++first_byte) {
      const absl::Status verified = VerifyShard(call, static_cast<uint8_t>(first_byte), total);
      if (!verified.ok()) return verified;
      if (!writer->Write(total)) return absl::OkStatus();
      total.clear_damaged();
    }
    return absl::OkStatus();
  });
}

}  // namespace loupe
