#include "server/images/upload_part.h"

#include <algorithm>

#include <spdlog/spdlog.h>

#include "absl/strings/str_cat.h"
#include "db/stores/needed_blob_store.h"
#include "proto/error_info.h"
#include "server/images/import_session.h"
#include "server/rpc/blob_chunks.h"
#include "server/storage/unneeded_blobs.h"

namespace loupe {
namespace {

constexpr uint64_t kMaxWaitingFiles = 100'000;
constexpr uint64_t kMaxWaitingBytes = uint64_t{100} << 30;

// A part of a file, and whose it is.
struct Part {
  PrincipalId principal;
  Sha256 file{};
  uint64_t size_bytes = 0;  // of the file
  uint64_t offset = 0;

  bool is_whole() const { return size_bytes <= kChunkBytes; }
};

absl::StatusOr<Part> PartOf(PrincipalId principal, const v1::UploadPartRequest& request) {
  const std::optional<Sha256> file = FromBytes(request.sha256());
  if (!file.has_value()) return InvalidArgument("sha256 must have 32 bytes");
  if (request.size_bytes() > ImportSession::kMaxPictureBytes) {
    return InvalidArgument("size_bytes must be at most 256 MiB");
  }
  const bool is_begin = request.offset() == 0;
  if (request.offset() % kChunkBytes != 0 || (!is_begin && request.offset() >= request.size_bytes())) {
    return InvalidArgument("offset must be a multiple of 1 MiB inside the file");
  }
  if (request.data().size() != std::min<uint64_t>(kChunkBytes, request.size_bytes() - request.offset())) {
    return InvalidArgument("data must have 1 MiB, or what is left of the file");
  }
  return Part{principal, *file, request.size_bytes(), request.offset()};
}

absl::Status WrongHash(const Sha256& file) {
  return Error(absl::StatusCode::kAborted, "WRONG_HASH",
               absl::StrCat("the bytes that came are not those of ", ToHex(file),
                            ": the file was changed meanwhile, or is on its way twice; send it again"));
}

UploadedFile FileOf(Transaction& transaction, const Part& part) {
  const auto found = FindUploads(transaction, part.principal, {part.file});
  return found.empty() ? UploadedFile() : found.begin()->second;
}

// What has come before the part. Errors: FAILED_PRECONDITION (PART_MISSING).
absl::StatusOr<UploadedFile> StateBefore(Transaction& transaction, const Part& part) {
  const UploadedFile file = FileOf(transaction, part);
  if (file.is_complete || part.offset <= file.received_bytes) return file;
  return Error(
      absl::StatusCode::kFailedPrecondition, "PART_MISSING",
      absl::StrCat("only ", file.received_bytes, " bytes of the file have come: send it from there"));
}

// Stores bytes as a blob. Errors: INVALID_ARGUMENT (they don't have the hash that is expected), and those of
// BlobWriter.
absl::StatusOr<Sha256> StoreBlob(const BlobStore& blobs, const std::string& bytes,
                                 const std::optional<Sha256>& expected) {
  absl::StatusOr<BlobWriter> writer = blobs.NewWriter(kChunkBytes, bytes.size());
  if (!writer.ok()) return writer.status();
  if (const absl::Status written = writer->Append(bytes); !written.ok()) return written;
  const absl::StatusOr<BlobInfo> blob = writer->Commit(expected, std::nullopt, Durability::kLater);
  if (!blob.ok()) return blob.status();
  return blob->hash;
}

absl::Status CheckRoom(const WaitingUploads& waiting, const Part& part) {
  const bool is_more_files = part.offset == 0 && waiting.files >= kMaxWaitingFiles;
  if (!is_more_files && waiting.bytes + kChunkBytes <= kMaxWaitingBytes) return absl::OkStatus();
  return Error(absl::StatusCode::kResourceExhausted, "TOO_MANY_UPLOADS",
               "100,000 files or 100 GiB of yours wait to be imported: import them, or drop them");
}

// Notes that a blob holds the part, unless it has come meanwhile. Returns what has come then.
absl::StatusOr<UploadedFile> NotePart(Database& database, const BlobStore& blobs,
                                      const TransactionOptions& options, const Part& part, const Sha256& blob,
                                      uint64_t bytes) {
  return database.Transact(options, [&](Transaction& transaction) -> absl::StatusOr<UploadedFile> {
    LockBlobsForUse(transaction);
    const WaitingUploads waiting = LockUploads(transaction, part.principal);
    const absl::StatusOr<UploadedFile> before = StateBefore(transaction, part);
    const bool has_come = before.ok() && (before->is_complete || part.offset < before->received_bytes);
    if (!before.ok() || has_come) return before;
    if (!blobs.Exists(blob)) {
      return Error(absl::StatusCode::kUnavailable, "BLOB_ERASED", "the part was erased meanwhile");
    }
    if (const absl::Status room = CheckRoom(waiting, part); !room.ok()) return room;
    InsertUploadPart(transaction, part.principal, part.file, part.offset, blob, bytes);
    return UploadedFile{part.offset + bytes, blob == part.file};
  });
}

absl::Status CopyBlob(const BlobStore& blobs, const Sha256& from, BlobWriter& writer) {
  absl::StatusOr<BlobReader> reader = blobs.OpenBlob(from);
  if (!reader.ok()) return reader.status();
  const absl::StatusOr<std::string> bytes = reader->Next(kChunkBytes);
  return bytes.ok() ? writer.Append(*bytes) : bytes.status();
}

// Puts the parts together. Errors: INVALID_ARGUMENT (another hash), NOT_FOUND (a part is gone), and those of
// BlobWriter.
absl::Status Assemble(const BlobStore& blobs, const Part& part, const std::vector<Sha256>& pieces) {
  absl::StatusOr<BlobWriter> writer = blobs.NewWriter(part.size_bytes, part.size_bytes);
  if (!writer.ok()) return writer.status();
  for (const Sha256& piece : pieces) {
    if (absl::Status copied = CopyBlob(blobs, piece, *writer); !copied.ok()) return copied;
  }
  return writer->Commit(part.file, part.size_bytes, Durability::kLater).status();
}

// All parts have come: the whole file takes their place. Where they don't make up the file they are dropped.
absl::StatusOr<UploadedFile> Complete(Database& database, const BlobStore& blobs,
                                      const TransactionOptions& options, const Part& part) {
  const auto pieces = database.Transact(options, [&](Transaction& transaction) {
    return absl::StatusOr<std::vector<Sha256>>(ReadUploadParts(transaction, part.principal, part.file));
  });
  if (!pieces.ok()) return pieces.status();
  const absl::Status assembled = Assemble(blobs, part, *pieces);
  const bool is_wrong = absl::IsInvalidArgument(assembled) || absl::IsNotFound(assembled);
  if (!assembled.ok() && !is_wrong) return assembled;
  absl::StatusOr<UploadedFile> completed =
      database.Transact(options, [&](Transaction& transaction) -> absl::StatusOr<UploadedFile> {
        LockBlobsForUse(transaction);
        LockUploads(transaction, part.principal);
        // The same part may have come twice, at the same time.
        if (const UploadedFile file = FileOf(transaction, part); file.is_complete) return file;
        DeleteUploads(transaction, part.principal, {part.file});
        if (is_wrong || !blobs.Exists(part.file)) return UploadedFile();
        InsertUploadPart(transaction, part.principal, part.file, 0, part.file, part.size_bytes);
        return UploadedFile{part.size_bytes, true};
      });
  if (!completed.ok()) return completed;
  const auto erased = EraseUnneeded(database, blobs, *pieces, options.deadline);
  if (!erased.ok()) spdlog::warn("parts of an upload stay: {}", erased.status().ToString());
  return completed->is_complete ? completed : WrongHash(part.file);
}

}  // namespace

v1::UploadState StateOf(const UploadedFile& file) {
  v1::UploadState state;
  state.set_received_bytes(file.received_bytes);
  state.set_is_complete(file.is_complete);
  return state;
}

absl::StatusOr<UploadedFile> TakePart(Database& database, const BlobStore& blobs,
                                      const TransactionOptions& options, PrincipalId principal,
                                      const v1::UploadPartRequest& request) {
  const absl::StatusOr<Part> part = PartOf(principal, request);
  if (!part.ok()) return part.status();
  absl::StatusOr<UploadedFile> file = UploadedFile();
  if (!part->is_whole()) {
    file =
        database.Transact(options, [&](Transaction& transaction) { return StateBefore(transaction, *part); });
  }
  if (!file.ok() || file->is_complete) return file;
  if (part->offset == file->received_bytes) {
    const absl::StatusOr<Sha256> blob =
        StoreBlob(blobs, request.data(), part->is_whole() ? std::optional(part->file) : std::nullopt);
    if (absl::IsInvalidArgument(blob.status())) return WrongHash(part->file);
    if (!blob.ok()) return blob.status();
    file = NotePart(database, blobs, options, *part, *blob, request.data().size());
    const bool is_of_use = file.ok() && (part->is_whole() || !file->is_complete);
    if (!is_of_use) {
      const auto erased = EraseUnneeded(database, blobs, {*blob}, options.deadline);
      if (!erased.ok()) spdlog::warn("a part of an upload stays: {}", erased.status().ToString());
      return file;
    }
  }
  if (file->is_complete || file->received_bytes < part->size_bytes) return file;
  return Complete(database, blobs, options, *part);
}

}  // namespace loupe
