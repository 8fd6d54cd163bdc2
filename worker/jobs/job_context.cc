#include "worker/jobs/job_context.h"

#include <unistd.h>

#include <optional>

#include "absl/strings/str_cat.h"
#include "client/lib/blob_stream.h"

namespace loupe {

absl::StatusOr<std::string> JobContext::ReadBytes(const std::string& sha256) const {
  const std::optional<Sha256> hash = FromBytes(sha256);
  if (!hash.has_value()) return absl::InvalidArgumentError("a blob's name is not 32 bytes long");
  return cache.Read(*hash, [&](const std::filesystem::path& path) {
    return ReadBlob(connection, *hash, path, {.deadline = absl::Minutes(30), .patience = kJobPatience});
  });
}

absl::StatusOr<SafetensorsFile> JobContext::ReadWeights(const std::string& sha256) const {
  const absl::StatusOr<std::string> bytes = ReadBytes(sha256);
  if (!bytes.ok()) return bytes.status();
  return ReadSafetensors(cache.PathOf(HashOf(*bytes)).string());
}

absl::StatusOr<Sha256> JobContext::Upload(const std::filesystem::path& path) const {
  const absl::StatusOr<Sha256> hash = HashOfFile(path);
  if (!hash.ok()) return hash.status();
  absl::Status written = WriteBlob(connection, job.job_id(), job.lease(), *hash, path, kJobPatience);
  if (!written.ok()) return written;
  return *hash;
}

std::filesystem::path JobContext::TemporaryFile(const std::string& what) const {
  return cache.folder() / absl::StrCat(what, "-", getpid(), ".safetensors");
}

}  // namespace loupe
