// EVALUATE and PREDICT jobs: the model's boxes for the images of a holdout or of a shard of the pool.
#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "absl/strings/str_cat.h"
#include "client/lib/blob_stream.h"
#include "recipe/recipe.h"
#include "spdlog/spdlog.h"
#include "worker/image_decode.h"
#include "worker/job_context.h"
#include "worker/prediction_message.h"
#include "worker/predictor.h"

namespace loupe {
namespace {

constexpr size_t kBatch = 8;
// Raw scores: calibration and the ranking decide what they are worth.
constexpr double kScoreThreshold = 0.01;
// Images a piece of the upload; what was uploaded is not predicted again when the worker is lost.
constexpr size_t kUploadPiece = 32;

absl::StatusOr<std::vector<v1::Image>> ReadJobImages(const JobContext& context) {
  v1::ReadJobImagesRequest request;
  request.set_job_id(context.job.job_id());
  request.set_lease(context.job.lease());
  const auto stub = v1::WorkerService::NewStub(context.connection.channel());
  std::vector<v1::Image> images;
  const absl::Status read = RetryUnavailable(kJobPatience, [&] {
    images.clear();
    const auto client = context.connection.NewContext(StreamDeadline(0));
    const auto reader = stub->ReadJobImages(client.get(), request);
    v1::Image image;
    while (reader->Read(&image)) images.push_back(image);
    return FromGrpc(reader->Finish());
  });
  if (!read.ok()) return read;
  return images;
}

absl::Status Upload(const JobContext& context, const std::vector<v1::ImagePrediction>& predictions) {
  const auto stub = v1::WorkerService::NewStub(context.connection.channel());
  v1::UploadPredictionsResponse response;
  const absl::Status sent = RetryUnavailable(kJobPatience, [&] {
    const auto client = context.connection.NewContext(StreamDeadline(0));
    const auto writer = stub->UploadPredictions(client.get(), &response);
    v1::UploadPredictionsRequest request;
    request.mutable_start()->set_job_id(context.job.job_id());
    request.mutable_start()->set_lease(context.job.lease());
    bool open = writer->Write(request);
    for (const v1::ImagePrediction& prediction : predictions) {
      *request.mutable_prediction() = prediction;
      open = open && writer->Write(request);
    }
    writer->WritesDone();
    return FromGrpc(writer->Finish());
  });
  if (sent.ok() && response.set_aside() > 0) {
    spdlog::warn("job {}: {} images were set aside", context.job.job_id(), response.set_aside());
  }
  return sent;
}

// A picture that can't be decoded after all is set aside by the coordinator, as one whose score is no number.
v1::ImagePrediction NotPredicted(int64_t image_id) {
  v1::ImagePrediction prediction;
  prediction.set_image_id(image_id);
  prediction.set_max_foreground_score(std::numeric_limits<float>::quiet_NaN());
  return prediction;
}

class PredictJob {
 public:
  PredictJob(const JobContext& context, Predictor predictor)
      : context_(context),
        predictor_(std::move(predictor)),
        recipe_(WithDefaults(context.job.recipe()).prediction()) {}

  absl::Status Run(const std::vector<v1::Image>& images) {
    for (size_t begin = 0; begin < images.size(); begin += kBatch) {
      if (absl::Status status = context_.lease.MayGoOn(); !status.ok()) return status;
      if (absl::Status status = PredictBatch(images, begin); !status.ok()) return status;
      const bool last = begin + kBatch >= images.size();
      if (done_.size() >= kUploadPiece || last) {
        if (absl::Status status = Upload(context_, done_); !status.ok()) return status;
        done_.clear();
      }
      ReportProgress(std::min(begin + kBatch, images.size()), images.size());
    }
    return absl::OkStatus();
  }

 private:
  absl::Status PredictBatch(const std::vector<v1::Image>& images, size_t begin) {
    std::vector<int64_t> ids;
    std::vector<torch::Tensor> pictures;
    for (size_t i = begin; i < std::min(begin + kBatch, images.size()); ++i) {
      const absl::StatusOr<std::string> bytes = context_.ReadBytes(images[i].sha256());
      if (!bytes.ok()) return bytes.status();
      absl::StatusOr<torch::Tensor> picture = DecodeImage(*bytes, images[i].file_name());
      if (picture.ok()) {
        ids.push_back(images[i].id());
        pictures.push_back(*std::move(picture));
      } else {
        spdlog::warn("job {}: {}", context_.job.job_id(), std::string(picture.status().message()));
        done_.push_back(NotPredicted(images[i].id()));
      }
    }
    if (pictures.empty()) return absl::OkStatus();
    detection::DetectOptions options;
    options.score_threshold = kScoreThreshold;
    options.detections_per_image = recipe_.boxes_per_image();
    // Agreement ranks images; a holdout is not ranked.
    const bool mirrored = recipe_.mirrored() && context_.job.kind() == v1::PREDICT;
    const absl::StatusOr<std::vector<Prediction>> predictions =
        predictor_.Predict(pictures, options, mirrored);
    if (!predictions.ok()) return predictions.status();
    for (size_t i = 0; i < ids.size(); ++i) done_.push_back(PredictionMessage(ids[i], (*predictions)[i]));
    return absl::OkStatus();
  }

  void ReportProgress(size_t done, size_t total) {
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
    v1::JobProgress progress;
    progress.set_kind(context_.job.kind() == v1::EVALUATE ? "evaluate" : "predict");
    progress.set_done(done);
    progress.set_total(total);
    progress.set_images_per_second(static_cast<double>(done) / elapsed.count());
    context_.lease.Report(progress);
  }

  const JobContext& context_;
  Predictor predictor_;
  v1::PredictionRecipe recipe_;
  std::vector<v1::ImagePrediction> done_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

absl::Status RunPredictJob(const JobContext& context) {
  const absl::StatusOr<SafetensorsFile> weights = context.ReadWeights(context.job.weights_sha256());
  if (!weights.ok()) return weights.status();
  DetectorDescription description;
  description.preset = context.job.weights_preset();
  description.num_classes = context.job.classes_size();
  absl::StatusOr<LoadedDetector> detector = LoadDetector(*weights, description);
  if (!detector.ok()) return detector.status();
  const absl::StatusOr<std::vector<v1::Image>> images = ReadJobImages(context);
  if (!images.ok()) return images.status();
  PredictJob job(context, Predictor(*std::move(detector)));
  if (absl::Status status = job.Run(*images); !status.ok()) return status;
  v1::CompleteJobRequest request;
  request.set_job_id(context.job.job_id());
  request.set_lease(context.job.lease());
  const auto stub = v1::WorkerService::NewStub(context.connection.channel());
  return Call(context.connection, *stub, &v1::WorkerService::Stub::CompleteJob, request,
              {.patience = kJobPatience})
      .status();
}

}  // namespace loupe
