// Pictures, weights and checkpoints: files named by the SHA-256 of their bytes.
//
// Layout: FOLDER/ab/cdef… (64 hexadecimal digits, the first two as a folder), FOLDER/incoming/… while being
// written. Several coordinators may share one folder: a name is given by rename alone, and a temporary file
// is locked (flock) by whoever writes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "content/sha256.h"

namespace loupe {

struct BlobInfo {
  Sha256 hash{};
  uint64_t size_bytes = 0;
};

// When a blob's bytes are certain to outlive a crash of the machine. kAtSync is for many small blobs that one
// transaction will name: BlobStore::Sync() comes before its commit. Until then a blob may be lost or cut
// short by a power failure, so that nothing may refer to it yet; written again, it is replaced.
enum class Durability { kNow, kAtSync };

// A file descriptor that closes itself.
class FileHandle {
 public:
  explicit FileHandle(int descriptor = -1) : descriptor_(descriptor) {}
  ~FileHandle();
  FileHandle(FileHandle&& other) noexcept;
  FileHandle& operator=(FileHandle&& other) noexcept;

  int get() const { return descriptor_; }
  bool valid() const { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

// One blob on its way in. Dropped before Commit() it leaves nothing behind.
class BlobWriter {
 public:
  BlobWriter(BlobWriter&&) noexcept = default;
  BlobWriter& operator=(BlobWriter&&) = delete;
  ~BlobWriter();

  // Errors: RESOURCE_EXHAUSTED (over the writer's limit, or the disk is full), INTERNAL.
  absl::Status Append(std::string_view bytes);

  uint64_t size_bytes() const { return size_bytes_; }

  // Ends the blob: durable under its name once this returns OK. At most once. Committing what is there
  // already is fine. Errors: INVALID_ARGUMENT (hash or size differ from what was expected),
  // RESOURCE_EXHAUSTED, INTERNAL.
  absl::StatusOr<BlobInfo> Commit(const std::optional<Sha256>& expected_hash = std::nullopt,
                                  const std::optional<uint64_t>& expected_bytes = std::nullopt,
                                  Durability durability = Durability::kNow);

 private:
  friend class BlobStore;
  BlobWriter(std::filesystem::path folder, std::filesystem::path temporary, FileHandle file,
             uint64_t max_bytes);

  std::filesystem::path folder_;
  std::filesystem::path temporary_;  // empty once renamed
  FileHandle file_;
  uint64_t max_bytes_;
  uint64_t size_bytes_ = 0;
  Sha256Stream hash_;
};

// One blob on its way out.
class BlobReader {
 public:
  uint64_t size_bytes() const { return size_bytes_; }

  // The next bytes, at most `max_bytes`; empty at the end. Errors: DATA_LOSS (shorter than it was), INTERNAL.
  absl::StatusOr<std::string> Next(size_t max_bytes);

 private:
  friend class BlobStore;
  BlobReader(FileHandle file, uint64_t size_bytes) : file_(std::move(file)), size_bytes_(size_bytes) {}

  FileHandle file_;
  uint64_t size_bytes_;
  uint64_t position_ = 0;
};

// Thread-safe: it holds nothing but the folder's path.
class BlobStore {
 public:
  // Makes the folder where it is missing and removes what writers that died left in it.
  // Errors: FAILED_PRECONDITION (the folder can't be made or written).
  static absl::StatusOr<BlobStore> Open(std::filesystem::path folder);

  // Errors: RESOURCE_EXHAUSTED, INTERNAL.
  absl::StatusOr<BlobWriter> NewWriter(uint64_t max_bytes) const;

  // Makes all that was committed so far durable. Errors: RESOURCE_EXHAUSTED, INTERNAL.
  absl::Status Sync() const;

  // Errors: NOT_FOUND, INTERNAL.
  absl::StatusOr<BlobReader> OpenBlob(const Sha256& hash) const;

  bool Exists(const Sha256& hash) const;

  // In bytes. Errors: NOT_FOUND.
  absl::StatusOr<uint64_t> Size(const Sha256& hash) const;

  // Reads the blob whole and compares its hash. Errors: NOT_FOUND, DATA_LOSS (the file was changed),
  // INTERNAL.
  absl::Status Verify(const Sha256& hash) const;

 private:
  explicit BlobStore(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::filesystem::path folder_;
};

}  // namespace loupe
