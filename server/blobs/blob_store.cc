#include "server/blobs/blob_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace loupe {
namespace {

namespace fs = std::filesystem;

constexpr char kIncoming[] = "incoming";
constexpr size_t kVerifyBytes = 1 << 20;
constexpr uint64_t kMostReserveBytes = 256 << 20;

// Clients see the message, so it holds no path.
absl::Status StoreError(bool no_room, absl::string_view what) {
  return no_room ? absl::ResourceExhaustedError(absl::StrCat("the blob store has no room: ", what))
                 : absl::InternalError(absl::StrCat("the blob store failed: ", what));
}

absl::Status FileError(const char* what, int error) {
  const bool no_room = error == ENOSPC || error == EDQUOT || error == EMFILE || error == ENFILE;
  return StoreError(no_room, absl::StrCat(what, ": ", strerror(error)));
}

// `error` is a WholeFile's.
absl::Status WriteError(const absl::Status& error) {
  return StoreError(absl::IsResourceExhausted(error), error.message());
}

absl::Status NoSuchBlob(const Sha256& hash) {
  return absl::NotFoundError(absl::StrCat("there is no blob ", ToHex(hash)));
}

fs::path PathOf(const fs::path& folder, const Sha256& hash) {
  const std::string hex = ToHex(hash);
  return folder / hex.substr(0, 2) / hex.substr(2);
}

absl::Status MakeShard(const fs::path& shard) {
  if (mkdir(shard.c_str(), 0700) != 0) {
    return errno == EEXIST ? absl::OkStatus() : FileError("making a folder", errno);
  }
  const absl::Status synced = SyncFolder(shard.parent_path());
  return synced.ok() ? synced : WriteError(synced);
}

// A temporary file is stale when no process holds its lock.
void RemoveStale(const fs::path& incoming) {
  std::error_code ignored;
  for (const fs::directory_entry& entry : fs::directory_iterator(incoming, ignored)) {
    const FileHandle handle(open(entry.path().c_str(), O_RDONLY | O_CLOEXEC));
    if (!handle.valid() || flock(handle.get(), LOCK_EX | LOCK_NB) != 0) continue;
    unlink(entry.path().c_str());
  }
}

}  // namespace

absl::Status BlobWriter::Append(std::string_view bytes) {
  if (bytes.size() > max_bytes_ - size_bytes_) {
    return absl::ResourceExhaustedError(absl::StrCat("more than ", max_bytes_, " bytes"));
  }
  hash_.Update(bytes);
  size_bytes_ += bytes.size();
  const absl::Status written = file_.Append(bytes);
  return written.ok() ? written : WriteError(written);
}

absl::StatusOr<BlobInfo> BlobWriter::Commit(const std::optional<Sha256>& expected_hash,
                                            const std::optional<uint64_t>& expected_bytes,
                                            Durability durability) {
  const BlobInfo info{hash_.Finish(), size_bytes_};
  if (expected_bytes.has_value() && *expected_bytes != info.size_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(info.size_bytes, " bytes came where ", *expected_bytes, " were announced"));
  }
  if (expected_hash.has_value() && *expected_hash != info.hash) {
    return absl::InvalidArgumentError(
        absl::StrCat("the bytes hash to ", ToHex(info.hash), ", not to ", ToHex(*expected_hash)));
  }
  const fs::path path = PathOf(folder_, info.hash);
  if (const absl::Status made = MakeShard(path.parent_path()); !made.ok()) return made;
  // A blob that is there may be durable and referred to: only a durable one may replace it.
  if (durability == Durability::kLater) {
    if (file_.CommitAsNew(path).ok()) return BlobInfo{info.hash, info.size_bytes, /*is_new=*/true};
    // Writing and syncing it once more would take a hundred times as long as reading it.
    if (BlobStore(folder_).Verify(info.hash).ok()) return info;
  }
  const absl::Status committed = file_.CommitAs(path, Durability::kNow);
  if (!committed.ok()) return WriteError(committed);
  return info;
}

absl::StatusOr<std::string> BlobReader::Next(size_t max_bytes) {
  std::string bytes(std::min<uint64_t>(max_bytes, size_bytes_ - position_), '\0');
  size_t got = 0;
  while (got < bytes.size()) {
    const ssize_t count = read(file_.get(), bytes.data() + got, bytes.size() - got);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return FileError("reading", errno);
    if (count == 0) return absl::DataLossError("a blob's file became shorter: restore it from a backup");
    got += static_cast<size_t>(count);
  }
  position_ += got;
  return bytes;
}

absl::StatusOr<BlobStore> BlobStore::Open(fs::path folder) {
  std::error_code error;
  const fs::path incoming = folder / kIncoming;
  fs::create_directories(incoming, error);
  if (!error) fs::permissions(folder, fs::perms::owner_all, error);
  if (error || access(incoming.c_str(), W_OK) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(
        folder.string(), " can't be made or written: ", error ? error.message() : strerror(errno)));
  }
  RemoveStale(incoming);
  return BlobStore(std::move(folder));
}

absl::StatusOr<DiskRoom> BlobStore::Room() const {
  struct statvfs disk {};
  if (statvfs(folder_.c_str(), &disk) != 0) return FileError("looking at the disk", errno);
  DiskRoom room;
  room.total_bytes = uint64_t{disk.f_blocks} * disk.f_frsize;
  room.free_bytes = uint64_t{disk.f_bavail} * disk.f_frsize;
  room.reserve_bytes = std::min(kMostReserveBytes, room.total_bytes / 4);
  return room;
}

absl::StatusOr<BlobWriter> BlobStore::NewWriter(uint64_t max_bytes, uint64_t bytes) const {
  const absl::StatusOr<DiskRoom> room = Room();
  if (!room.ok()) return room.status();
  if (room->free_bytes < room->reserve_bytes + bytes) {
    return StoreError(true,
                      absl::StrCat(room->free_bytes >> 20,
                                   " MiB of its disk are free, and some must stay so: make room, or see "
                                   "`loupe storage`"));
  }
  for (;;) {
    absl::StatusOr<WholeFile> file = WholeFile::OpenIn(folder_ / kIncoming);
    if (!file.ok()) return WriteError(file.status());
    if (flock(file->descriptor(), LOCK_EX) != 0) return FileError("locking a file", errno);
    // Another coordinator that started just now may have taken the file for stale before it was locked.
    struct stat status {};
    if (fstat(file->descriptor(), &status) != 0) return FileError("making a file", errno);
    if (status.st_nlink > 0) return BlobWriter(folder_, *std::move(file), max_bytes);
  }
}

absl::Status BlobStore::Sync() const {
  const FileHandle handle(open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!handle.valid()) return FileError("opening a folder", errno);
  if (syncfs(handle.get()) != 0) return FileError("writing", errno);
  return absl::OkStatus();
}

absl::StatusOr<FileHandle> BlobStore::OpenFile(const Sha256& hash) const {
  FileHandle file(open(PathOf(hash).c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return errno == ENOENT ? NoSuchBlob(hash) : FileError("opening", errno);
  return file;
}

absl::StatusOr<BlobReader> BlobStore::OpenBlob(const Sha256& hash) const {
  absl::StatusOr<FileHandle> file = OpenFile(hash);
  if (!file.ok()) return file.status();
  struct stat status {};
  if (fstat(file->get(), &status) != 0) return FileError("opening", errno);
  return BlobReader(*std::move(file), static_cast<uint64_t>(status.st_size));
}

fs::path BlobStore::PathOf(const Sha256& hash) const { return loupe::PathOf(folder_, hash); }
fs::path BlobStore::Renderings() const { return folder_ / "renderings"; }
fs::path BlobStore::RenderingsOf(const Sha256& hash) const { return loupe::PathOf(Renderings(), hash); }

bool BlobStore::Exists(const Sha256& hash) const { return access(PathOf(hash).c_str(), F_OK) == 0; }

Erasure BlobStore::Erase(const std::vector<Sha256>& hashes) const {
  Erasure erasure;
  std::set<fs::path> folders;
  for (const Sha256& hash : hashes) {
    const fs::path path = PathOf(hash);
    std::error_code error;
    fs::remove_all(RenderingsOf(hash), error);
    if (error) erasure.why.Update(FileError("erasing", error.value()));
    if (unlink(path.c_str()) == 0) {
      erasure.erased.push_back(hash);
      folders.insert(path.parent_path());
    } else if (errno != ENOENT) {
      erasure.why.Update(FileError("erasing", errno));
      erasure.kept.push_back(hash);
    }
  }
  for (const fs::path& folder : folders) erasure.why.Update(SyncFolder(folder));
  return erasure;
}

absl::StatusOr<std::vector<StoredBlob>> BlobStore::List(uint8_t first_byte) const {
  std::vector<StoredBlob> blobs;
  Sha256 first{};
  first[0] = first_byte;
  const fs::path shard = PathOf(first).parent_path();
  std::error_code error;
  for (fs::directory_iterator entry(shard, error), end; !error && entry != end; entry.increment(error)) {
    const std::optional<Sha256> hash =
        ParseHex(shard.filename().string() + entry->path().filename().string());
    struct stat status {};
    if (!hash.has_value() || lstat(entry->path().c_str(), &status) != 0) continue;  // no blob, or just erased
    if (!S_ISREG(status.st_mode)) continue;
    blobs.push_back({*hash, static_cast<uint64_t>(status.st_size), absl::TimeFromTimespec(status.st_mtim)});
  }
  if (error && error != std::errc::no_such_file_or_directory) return FileError("listing", error.value());
  return blobs;
}

absl::StatusOr<uint64_t> BlobStore::Size(const Sha256& hash) const {
  struct stat status {};
  if (stat(PathOf(hash).c_str(), &status) != 0) return NoSuchBlob(hash);
  return static_cast<uint64_t>(status.st_size);
}

absl::Status BlobStore::Verify(const Sha256& hash) const {
  absl::StatusOr<BlobReader> reader = OpenBlob(hash);
  if (!reader.ok()) return reader.status();
  Sha256Stream stream;
  for (;;) {
    const absl::StatusOr<std::string> bytes = reader->Next(kVerifyBytes);
    if (!bytes.ok()) return bytes.status();
    if (bytes->empty()) break;
    stream.Update(*bytes);
  }
  if (stream.Finish() == hash) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("blob ", ToHex(hash), " was changed: restore it from a backup"));
}

}  // namespace loupe
