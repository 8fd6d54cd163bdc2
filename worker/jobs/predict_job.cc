// EVALUATE and PREDICT jobs: the model's boxes for the images of a holdout or of a shard of the pool.
#include <torch/types.h>

#include <algorithm>
#include <chrono>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/lib/blob_stream.h"
#include "proto/error_info.h"
#include "recipe/recipe.h"
#include "spdlog/spdlog.h"
#include "worker/jobs/job_context.h"
#include "worker/jobs/prediction_message.h"
#include "worker/prediction/perceptual_hash.h"
#include "worker/prediction/picture_prediction.h"
#include "worker/prediction/predictor.h"

namespace loupe {
namespace {

// Low, since calibration and ranking need the raw scores.
constexpr double kScoreThreshold = 0.01;
// Images per upload. What is uploaded is not predicted again when another worker leases the job.
constexpr size_t kUploadPiece = 32;

// The images to predict. The unlabelled ones come first: they are to be ranked.
absl::StatusOr<std::vector<v1::JobImage>> ReadJobImages(const JobContext& context) {
  v1::ReadJobImagesRequest request;
  request.set_job_id(context.job.job_id());
  request.set_lease(context.job.lease());
  const auto stub = v1::WorkerService::NewStub(context.connection.channel());
  std::vector<v1::JobImage> images;
  const absl::Status read = RetryUnavailable(kJobPatience, [&] {
    images.clear();
    const auto client = context.connection.NewContext(StreamDeadline(0));
    const auto reader = stub->ReadJobImages(client.get(), request);
    v1::JobImage image;
    while (reader->Read(&image)) images.push_back(image);
    return FromGrpc(reader->Finish());
  });
  if (!read.ok()) return read;
  std::stable_partition(images.begin(), images.end(),
                        [](const v1::JobImage& image) { return !image.labelled(); });
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

// Properties of a picture that do not depend on the model.
struct Look {
  uint64_t hash = 0;
  float brightness = 0;
};

class PredictJob {
 public:
  PredictJob(const JobContext& context, Predictor& predictor)
      : context_(context), predictor_(predictor), recipe_(WithDefaults(context.job.recipe()).prediction()) {}

  // images: the unlabelled ones first.
  absl::Status Run(const std::vector<v1::JobImage>& images) {
    const auto labelled = std::find_if(images.begin(), images.end(),
                                       [](const v1::JobImage& image) { return image.labelled(); });
    total_ = images.size();
    // Only ranking needs the agreement with the mirrored image, and labelled images are not ranked.
    if (absl::Status status = RunPart({images.begin(), labelled}, recipe_.mirrored()); !status.ok())
      return status;
    return RunPart({labelled, images.end()}, false);
  }

 private:
  absl::Status RunPart(std::span<const v1::JobImage> images, bool mirrored) {
    std::vector<Look> looks(images.size());
    std::vector<Picture> pictures;
    for (size_t i = 0; i < images.size(); ++i) pictures.push_back(PictureOf(images[i].image(), looks[i]));
    PredictOptions options;
    options.detect.score_threshold = kScoreThreshold;
    options.detect.detections_per_image = recipe_.boxes_per_image();
    options.mirrored = mirrored;
    return PredictPictures(predictor_, pictures, options,
                           [&](size_t index, absl::StatusOr<Prediction> prediction) {
                             ReportProgress(++count_);
                             return Take(images[index].image().id(), std::move(prediction), looks[index]);
                           });
  }

  // `look` is set when the picture is loaded, before its prediction is taken.
  Picture PictureOf(const v1::Image& image, Look& look) const {
    const detection::ImageSize size = {image.height(), image.width()};
    const auto load = [this, &look, sha256 = image.sha256(),
                       name = image.file_name()]() -> absl::StatusOr<torch::Tensor> {
      absl::StatusOr<torch::Tensor> picture = context_.ReadPicture(sha256, name);
      if (picture.ok()) look = {PerceptualHash(*picture), Brightness(*picture)};
      return picture;
    };
    return {[size] { return size; }, load};
  }

  absl::Status Take(int64_t image_id, absl::StatusOr<Prediction> prediction, const Look& look) {
    if (absl::Status status = context_.lease.MayGoOn(); !status.ok()) return status;
    if (prediction.ok()) {
      done_.push_back(PredictionMessage(image_id, *prediction));
      done_.back().set_perceptual_hash(look.hash);
      done_.back().set_brightness(look.brightness);
    } else if (IsFaultOfPicture(prediction.status())) {
      const absl::Status aside = context_.SetImageAside(image_id, prediction.status());
      if (!aside.ok()) return aside;
    } else {
      return prediction.status();
    }
    if (done_.empty() || (done_.size() < kUploadPiece && count_ < total_)) return absl::OkStatus();
    absl::Status uploaded = Upload(context_, done_);
    done_.clear();
    return uploaded;
  }

  void ReportProgress(size_t done) {
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
    v1::JobProgress progress;
    progress.set_kind(context_.job.kind() == v1::EVALUATE ? "evaluate" : "predict");
    progress.set_done(done);
    progress.set_total(total_);
    progress.set_images_per_second(static_cast<double>(done) / elapsed.count());
    context_.lease.Report(progress);
  }

  const JobContext& context_;
  Predictor& predictor_;
  v1::PredictionRecipe recipe_;
  std::vector<v1::ImagePrediction> done_;
  size_t count_ = 0;
  size_t total_ = 0;
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
  absl::StatusOr<Predictor> predictor = Predictor::Create(
      *std::move(detector), context.device, WithDefaults(context.job.recipe()).prediction().precision());
  if (!predictor.ok()) return predictor.status();
  for (;;) {
    const absl::StatusOr<std::vector<v1::JobImage>> images = ReadJobImages(context);
    if (!images.ok()) return images.status();
    PredictJob job(context, *predictor);
    if (absl::Status status = job.Run(*images); !status.ok()) return status;
    const absl::Status completed = context.Complete({});
    // Meanwhile images may have come to the job, e.g. a holdout image that was labelled.
    if (ErrorReason(completed) != "INCOMPLETE" || images->empty()) return completed;
  }
}

}  // namespace loupe
