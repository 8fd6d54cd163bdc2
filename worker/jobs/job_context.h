// What a job works with.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/lib/channel.h"
#include "content/sha256.h"
#include "loupe/v1/worker.grpc.pb.h"
#include "worker/jobs/image_cache.h"
#include "worker/jobs/lease_keeper.h"
#include "worker/weights/safetensors.h"

namespace loupe {

// How long a job waits for a coordinator that can't be reached: a restart, not more than a lease lasts.
inline constexpr absl::Duration kJobPatience = absl::Seconds(60);

struct JobContext {
  const Connection& connection;
  const v1::Job& job;
  LeaseKeeper& lease;
  ImageCache& cache;
  torch::Device device;

  // A blob from the cache or from the coordinator. Errors: INVALID_ARGUMENT when `sha256` is not 32 bytes
  // long, else as ReadBlob and ImageCache::Read.
  absl::StatusOr<std::string> ReadBytes(const std::string& sha256) const;
  absl::StatusOr<SafetensorsFile> ReadWeights(const std::string& sha256) const;
  // Uploads a file and returns its hash. Errors: as WriteBlob.
  absl::StatusOr<Sha256> Upload(const std::filesystem::path& path) const;
  // A name for a file of this job, in the cache's folder; the caller removes it.
  std::filesystem::path TemporaryFile(const std::string& what) const;
};

// Each runs a job to its end, completion included. Errors: ABORTED and CANCELLED as LeaseKeeper::MayGoOn;
// UNAVAILABLE when the coordinator stayed away; anything else is why the job can't be done.
absl::Status RunTrainJob(const JobContext& context);
// EVALUATE and PREDICT: predictions for the images that are left.
absl::Status RunPredictJob(const JobContext& context);

}  // namespace loupe
