// What a job is run with: the connection, the lease, the cache and the device.
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

// How long a job waits for a coordinator that can't be reached: long enough for a restart, not longer than a
// lease lasts.
inline constexpr absl::Duration kJobPatience = absl::Seconds(60);

struct JobContext {
  const Connection& connection;
  const v1::Job& job;
  LeaseKeeper& lease;
  ImageCache& cache;
  torch::Device device;

  // A blob from the cache, or from the coordinator. Errors: INVALID_ARGUMENT (`sha256` is not 32 bytes long),
  // and those of ReadBlob and ImageCache::Read.
  absl::StatusOr<std::string> ReadBytes(const std::string& sha256) const;
  // An image's picture, as DecodeImage returns it. Errors: those of ReadBytes and DecodeImage.
  absl::StatusOr<torch::Tensor> ReadPicture(const std::string& sha256, const std::string& file_name) const;
  // Errors: those of ReadBytes and ReadSafetensors.
  absl::StatusOr<SafetensorsFile> ReadWeights(const std::string& sha256) const;
  // Uploads a file as a blob and returns its hash. Errors: those of HashOfFile and WriteBlob.
  absl::StatusOr<Sha256> Upload(const std::filesystem::path& path) const;
  // Completes the job. A completion whose answer doesn't come in time is repeated: the coordinator knows
  // whether it was done. Errors: those of the RPC and of LeaseKeeper::MayGoOn.
  absl::Status Complete(v1::CompleteJobRequest request) const;
  // Tells the coordinator that an image's picture can't be used, and why. Errors: those of the RPC.
  absl::Status SetImageAside(int64_t image_id, const absl::Status& why) const;
  // A path in the cache's folder for a file of this process. The caller removes the file.
  std::filesystem::path TemporaryFile(const std::string& what) const;
};

// Whether a picture that failed to load can never be used: it is damaged, or its blob is missing or changed.
bool IsFaultOfPicture(const absl::Status& status);

// RunTrainJob and RunPredictJob run a job and complete it. Errors: ABORTED and CANCELLED as
// LeaseKeeper::MayGoOn; UNAVAILABLE (the coordinator could not be reached for kJobPatience); any other error
// is the reason why the job fails.
// For TRAIN and FIND_LABEL_ERRORS jobs.
absl::Status RunTrainJob(const JobContext& context);
// For EVALUATE and PREDICT jobs: predicts the images that are not predicted yet.
absl::Status RunPredictJob(const JobContext& context);

}  // namespace loupe
