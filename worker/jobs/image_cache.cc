#include "worker/jobs/image_cache.h"

#include <algorithm>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "content/private_folder.h"
#include "content/read_file.h"

namespace loupe {
namespace {

namespace fs = std::filesystem;

struct Entry {
  fs::path path;
  int64_t bytes = 0;
  fs::file_time_type used;
};

// Blobs only: the temporary files of `fetch` have other names.
std::vector<Entry> Entries(const fs::path& folder) {
  std::vector<Entry> entries;
  std::error_code error;
  for (const fs::directory_entry& file : fs::directory_iterator(folder, error)) {
    if (!ParseHex(file.path().filename().string()).has_value()) continue;
    Entry entry = {file.path(), static_cast<int64_t>(file.file_size(error)), {}};
    if (!error) entry.used = file.last_write_time(error);
    if (!error) entries.push_back(std::move(entry));  // else another process removed it
  }
  return entries;
}

}  // namespace

ImageCache::ImageCache(fs::path folder, int64_t max_bytes)
    : folder_(std::move(folder)), max_bytes_(max_bytes) {
  Count();
}

absl::StatusOr<ImageCache> ImageCache::Open(const fs::path& folder, int64_t max_bytes) {
  if (const std::error_code error = MakePrivateFolder(folder)) {
    return absl::UnavailableError(absl::StrCat("cannot make the cache ", folder.string(), ": ",
                                               error.message(), "; choose another --cache-dir"));
  }
  return ImageCache(folder, max_bytes);
}

void ImageCache::Count() {
  bytes_ = 0;
  for (const Entry& entry : Entries(folder_)) bytes_ += entry.bytes;
}

void ImageCache::MakeRoom() {
  if (bytes_ <= max_bytes_) return;
  std::vector<Entry> entries = Entries(folder_);
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.used < b.used; });
  bytes_ = 0;
  for (const Entry& entry : entries) bytes_ += entry.bytes;
  // A tenth more than needed, so that the folder isn't listed for every blob.
  const int64_t aim = max_bytes_ - max_bytes_ / 10;
  std::error_code error;
  for (const Entry& entry : entries) {
    if (bytes_ <= aim) return;
    fs::remove(entry.path, error);
    bytes_ -= entry.bytes;
  }
}

absl::StatusOr<std::string> ImageCache::Read(const Sha256& hash,
                                             absl::FunctionRef<absl::Status(const fs::path&)> fetch) {
  const std::lock_guard lock(*mutex_);
  const fs::path path = folder_ / ToHex(hash);
  std::error_code error;
  absl::StatusOr<std::string> kept = ReadFile(path);
  if (kept.ok() && HashOf(*kept) == hash) {
    fs::last_write_time(path, fs::file_time_type::clock::now(), error);
    return *std::move(kept);
  }
  if (absl::Status status = fetch(path); !status.ok()) return status;
  absl::StatusOr<std::string> bytes = ReadFile(path);
  if (!bytes.ok() || HashOf(*bytes) != hash) {
    fs::remove(path, error);
    return absl::DataLossError(absl::StrCat("other bytes came than those of blob ", ToHex(hash)));
  }
  bytes_ += static_cast<int64_t>(bytes->size());
  MakeRoom();
  return *std::move(bytes);
}

}  // namespace loupe
