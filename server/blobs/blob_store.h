// Pictures, weights and checkpoints: files named by the SHA-256 of their bytes.
//
// Layout: FOLDER/ab/cdef… (64 hexadecimal digits; the first two name a folder), FOLDER/incoming/… while a
// blob is written, FOLDER/renderings/… of pictures. Several coordinators may share one folder: a blob gets
// its name by rename alone, and its writer holds a lock (flock) on the temporary file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "content/file_handle.h"
#include "content/sha256.h"
#include "content/whole_file.h"

namespace loupe {

struct BlobInfo {
  Sha256 hash{};
  uint64_t size_bytes = 0;
  bool is_new = false;  // of Durability::kLater: the blob was not there before
};

struct StoredBlob {
  Sha256 hash{};
  uint64_t size_bytes = 0;
  absl::Time written;
};

struct Erasure {
  std::vector<Sha256> erased;  // without those that were not there
  std::vector<Sha256> kept;    // that could not be removed
  absl::Status why;            // of the first of them, INTERNAL; OK: all were
};

struct DiskRoom {
  uint64_t total_bytes = 0;
  uint64_t free_bytes = 0;     // for this user
  uint64_t reserve_bytes = 0;  // of these, what NewWriter leaves free
};

// Writes one blob. Without Commit() no file is left behind.
class BlobWriter {
 public:
  BlobWriter(BlobWriter&&) noexcept = default;
  BlobWriter& operator=(BlobWriter&&) = delete;

  // Errors: RESOURCE_EXHAUSTED (over the writer's limit, or the disk is full), INTERNAL.
  absl::Status Append(std::string_view bytes);

  uint64_t size_bytes() const { return size_bytes_; }

  // Gives the blob its name. Call it once. A blob that is there already is no error.
  // Durability::kLater is for many small blobs that one transaction will name: BlobStore::Sync() must come
  // before that transaction's commit. Until then nothing may refer to the blob, since a power failure may
  // lose it or cut it short; one that is there and isn't whole is replaced.
  // Errors: INVALID_ARGUMENT (hash or size differ from what was expected), RESOURCE_EXHAUSTED, INTERNAL.
  absl::StatusOr<BlobInfo> Commit(const std::optional<Sha256>& expected_hash = std::nullopt,
                                  const std::optional<uint64_t>& expected_bytes = std::nullopt,
                                  Durability durability = Durability::kNow);

 private:
  friend class BlobStore;
  BlobWriter(std::filesystem::path folder, WholeFile file, uint64_t max_bytes)
      : folder_(std::move(folder)), file_(std::move(file)), max_bytes_(max_bytes) {}

  std::filesystem::path folder_;
  WholeFile file_;
  uint64_t max_bytes_;
  uint64_t size_bytes_ = 0;
  Sha256Stream hash_;
};

// Reads one blob.
class BlobReader {
 public:
  uint64_t size_bytes() const { return size_bytes_; }

  // The next bytes, at most `max_bytes`; empty at the end. Errors: DATA_LOSS (the file became shorter),
  // INTERNAL.
  absl::StatusOr<std::string> Next(size_t max_bytes);

 private:
  friend class BlobStore;
  BlobReader(FileHandle file, uint64_t size_bytes) : file_(std::move(file)), size_bytes_(size_bytes) {}

  FileHandle file_;
  uint64_t size_bytes_;
  uint64_t position_ = 0;
};

// Thread-safe: it holds only the folder's path.
class BlobStore {
 public:
  // Makes the folder if it is missing, for this user alone, and removes the temporary files of writers that
  // died. Errors: FAILED_PRECONDITION (the folder can't be made or written).
  static absl::StatusOr<BlobStore> Open(std::filesystem::path folder);

  // The disk under the folder. Errors: INTERNAL.
  absl::StatusOr<DiskRoom> Room() const;

  // `bytes`: about how many will come. Errors: RESOURCE_EXHAUSTED (also where they would leave less free than
  // must stay so: a database on the same disk needs room to start again), INTERNAL.
  absl::StatusOr<BlobWriter> NewWriter(uint64_t max_bytes, uint64_t bytes = 0) const;

  // Makes every blob durable that was committed so far. Errors: RESOURCE_EXHAUSTED, INTERNAL.
  absl::Status Sync() const;

  // Errors: NOT_FOUND, INTERNAL.
  absl::StatusOr<BlobReader> OpenBlob(const Sha256& hash) const;

  // The same as a descriptor, for reads at any place. Errors: NOT_FOUND, INTERNAL.
  absl::StatusOr<FileHandle> OpenFile(const Sha256& hash) const;

  bool Exists(const Sha256& hash) const;

  std::filesystem::path PathOf(const Sha256& hash) const;

  // The folder for what was made of a picture and can be made again: FOLDER/renderings/ab/cdef…; it need not
  // be there.
  std::filesystem::path RenderingsOf(const Sha256& hash) const;
  // The folder of all of these.
  std::filesystem::path Renderings() const;

  // Removes blobs for good, with what was made of them; one that is not there is no error.
  Erasure Erase(const std::vector<Sha256>& hashes) const;

  // The blobs whose hash begins with this byte, in no order; without those that are being written. Errors:
  // INTERNAL.
  absl::StatusOr<std::vector<StoredBlob>> List(uint8_t first_byte) const;

  // In bytes. Errors: NOT_FOUND.
  absl::StatusOr<uint64_t> Size(const Sha256& hash) const;

  // Reads the blob whole and compares its hash. Errors: NOT_FOUND, DATA_LOSS (the file was changed),
  // INTERNAL.
  absl::Status Verify(const Sha256& hash) const;

 private:
  friend class BlobWriter;
  explicit BlobStore(std::filesystem::path folder) : folder_(std::move(folder)) {}

  std::filesystem::path folder_;
};

}  // namespace loupe
