#include "server/gateway/rendering_cache.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "content/private_folder.h"

namespace loupe {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kTouchPeriod = absl::Minutes(10);

fs::path PathIn(const fs::path& folder, const RenderingName& name) {
  return folder / absl::StrCat(name.max_side, "-", name.range.low, "-", name.range.high,
                               name.max_side > 0 ? ".jpg" : ".png");
}

struct Kept {
  absl::Time used;
  uint64_t size_bytes = 0;
  fs::path path;
};

// What a renderer left that was killed while it wrote this file.
void RemoveUnfinished(const fs::path& path) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path.parent_path(), error)) {
    if (absl::StartsWith(entry.path().filename().string(), absl::StrCat(path.filename().string(), "."))) {
      fs::remove(entry.path(), error);
    }
  }
}

std::vector<Kept> AllIn(const fs::path& folder) {
  std::vector<Kept> all;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    struct stat status {};
    if (stat(entry->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;  // just erased
    all.push_back(
        {absl::TimeFromTimespec(status.st_mtim), static_cast<uint64_t>(status.st_size), entry->path()});
  }
  return all;
}

}  // namespace

std::optional<FileHandle> RenderingCache::Find(const RenderingName& name) const {
  FileHandle file(open(PathIn(blobs_.RenderingsOf(name.picture), name).c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!file.valid() || fstat(file.get(), &status) != 0) return std::nullopt;
  // The time says when it was last used; not at every use, since that would be a write each.
  if (absl::Now() - absl::TimeFromTimespec(status.st_mtim) > kTouchPeriod) futimens(file.get(), nullptr);
  return file;
}

absl::StatusOr<FileHandle> RenderingCache::Make(const RenderingName& name, Renderer& renderer) {
  if (std::optional<FileHandle> kept = Find(name); kept.has_value()) return *std::move(kept);
  const absl::StatusOr<DiskRoom> room = blobs_.Room();
  if (!room.ok()) return room.status();
  if (room->free_bytes < room->reserve_bytes) {
    return absl::ResourceExhaustedError("the coordinator's disk is full: make room on it");
  }
  const fs::path folder = blobs_.RenderingsOf(name.picture);
  if (const std::error_code error = MakePrivateFolder(folder)) {
    return absl::InternalError(absl::StrCat("can't make ", folder.string(), ": ", error.message()));
  }
  const fs::path path = PathIn(folder, name);
  const absl::Status rendered = renderer.Render(blobs_.PathOf(name.picture), path, name.max_side, name.range);
  std::error_code error;
  if (!blobs_.Exists(name.picture)) {  // erased meanwhile: nothing of it may stay
    fs::remove_all(folder, error);
    return absl::NotFoundError("the picture was removed");
  }
  if (!rendered.ok()) {
    RemoveUnfinished(path);
    return rendered;
  }
  FileHandle file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return absl::InternalError("the rendering has gone: try again");
  untrimmed_bytes_ += fs::file_size(path, error);
  if (untrimmed_bytes_ > max_bytes_ / 8) Trim();
  return file;
}

void RenderingCache::Trim() {
  untrimmed_bytes_ = 0;
  std::vector<Kept> all = AllIn(blobs_.Renderings());
  uint64_t bytes = 0;
  for (const Kept& kept : all) bytes += kept.size_bytes;
  if (bytes <= max_bytes_) return;
  std::sort(all.begin(), all.end(), [](const Kept& a, const Kept& b) { return a.used < b.used; });
  std::error_code error;
  for (const Kept& kept : all) {
    if (bytes <= max_bytes_ / 4 * 3) break;
    fs::remove(kept.path, error);
    fs::remove(kept.path.parent_path(), error);  // if it is empty now
    bytes -= kept.size_bytes;
  }
}

}  // namespace loupe
