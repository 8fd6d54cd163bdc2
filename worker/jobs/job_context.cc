#include "worker/jobs/job_context.h"

#include <unistd.h>

#include <optional>

#include "absl/strings/str_cat.h"
#include "client/lib/blob_stream.h"
#include "spdlog/spdlog.h"
#include "worker/pictures/image_decode.h"

namespace loupe {
namespace {

// Longer than kJobPatience: what was trained would be lost.
constexpr absl::Duration kCompletionPatience = absl::Minutes(10);

// Messages of decoders may hold anything.
std::string OneLine(absl::string_view text) {
  std::string line(text);
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f) c = ' ';
  }
  return line;
}

}  // namespace

absl::StatusOr<std::string> JobContext::ReadBytes(const std::string& sha256) const {
  const std::optional<Sha256> hash = FromBytes(sha256);
  if (!hash.has_value()) return absl::InvalidArgumentError("a blob's name is not 32 bytes long");
  return cache.Read(*hash, [&](const std::filesystem::path& path) {
    return ReadBlob(connection, job.job_id(), job.lease(), *hash, path, kJobPatience);
  });
}

absl::StatusOr<torch::Tensor> JobContext::ReadPicture(const std::string& sha256,
                                                      const std::string& file_name) const {
  const absl::StatusOr<std::string> bytes = ReadBytes(sha256);
  if (!bytes.ok()) return bytes.status();
  IntensityRange range;
  if (job.has_intensity_range()) {
    range.low = static_cast<uint16_t>(job.intensity_range().low());
    range.high = static_cast<uint16_t>(job.intensity_range().high());
  }
  return DecodeImage(*bytes, file_name, range);
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

absl::Status JobContext::Complete(v1::CompleteJobRequest request) const {
  lease.ReportLast();
  request.set_job_id(job.job_id());
  request.set_lease(job.lease());
  const auto stub = v1::WorkerService::NewStub(connection.channel());
  return RetryUnavailable(kCompletionPatience, [&] {
    const absl::Status completed = Call(connection, *stub, &v1::WorkerService::Stub::CompleteJob, request,
                                        {.deadline = absl::Minutes(2), .patience = absl::ZeroDuration()})
                                       .status();
    if (!IsForLater(completed) && !absl::IsDeadlineExceeded(completed)) return completed;
    const absl::Status may_go_on = lease.MayGoOn();
    return may_go_on.ok() ? absl::UnavailableError(completed.message()) : may_go_on;
  });
}

absl::Status JobContext::SetImageAside(int64_t image_id, const absl::Status& why) const {
  constexpr size_t kMaxReason = 1000;
  v1::SetImageAsideRequest request;
  request.set_job_id(job.job_id());
  request.set_lease(job.lease());
  request.set_image_id(image_id);
  request.set_reason(OneLine(why.message()).substr(0, kMaxReason));
  spdlog::warn("job {}: image {} is set aside: {}", job.job_id(), image_id, request.reason());
  const auto stub = v1::WorkerService::NewStub(connection.channel());
  return Call(connection, *stub, &v1::WorkerService::Stub::SetImageAside, request, {.patience = kJobPatience})
      .status();
}

bool IsFaultOfPicture(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsNotFound(status) || absl::IsDataLoss(status);
}

std::filesystem::path JobContext::TemporaryFile(const std::string& what) const {
  return cache.folder() / absl::StrCat(what, "-", getpid(), ".safetensors");
}

}  // namespace loupe
