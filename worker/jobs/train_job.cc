// Jobs that train on the round's snapshot by its recipe, and upload checkpoints from which another worker can
// resume: TRAIN, whose outcome is the model, and FIND_LABEL_ERRORS, which trains without a fold and then
// looks for errors in its labels.
#include <algorithm>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "client/lib/blob_stream.h"
#include "content/sha256.h"
#include "recipe/recipe.h"
#include "spdlog/spdlog.h"
#include "worker/detection/weights.h"
#include "worker/jobs/job_context.h"
#include "worker/jobs/snapshot.h"
#include "worker/label_errors/image_check.h"
#include "worker/training/trainer.h"

namespace loupe {
namespace {

// As many as CompleteJob takes.
constexpr int kMaxLabelErrors = 10'000;

using TrainerFactory = absl::FunctionRef<absl::StatusOr<std::unique_ptr<Trainer>>()>;

// Fetches a checkpoint and goes on from it. `broken` is set when no other try can do that. Errors: of the
// fetch, with UNAVAILABLE for what may pass; of ReadCheckpoint and Trainer::Resume, after which the trainer
// can't be used.
absl::Status Resume(const JobContext& context, const std::string& sha256, Trainer& trainer, bool& broken) {
  const absl::StatusOr<std::string> bytes = context.ReadBytes(sha256);
  broken = bytes.ok() || absl::IsNotFound(bytes.status()) || absl::IsDataLoss(bytes.status());
  if (absl::IsInternal(bytes.status())) return absl::UnavailableError(bytes.status().message());
  if (!bytes.ok()) return bytes.status();
  const absl::StatusOr<Checkpoint> checkpoint = ReadCheckpoint(context.cache.PathOf(HashOf(*bytes)));
  return checkpoint.ok() ? trainer.Resume(*checkpoint) : checkpoint.status();
}

absl::Status DropCheckpoint(const JobContext& context, const std::string& sha256) {
  v1::DropCheckpointRequest request;
  request.set_job_id(context.job.job_id());
  request.set_lease(context.job.lease());
  request.set_sha256(sha256);
  const auto stub = v1::WorkerService::NewStub(context.connection.channel());
  return Call(context.connection, *stub, &v1::WorkerService::Stub::DropCheckpoint, request,
              {.patience = kJobPatience})
      .status();
}

// A trainer that goes on from the job's last checkpoint. One that is broken, or of other images since a
// picture was set aside, is left for the one before it; without any, training starts at the beginning.
// Errors: those of `make`, and of a checkpoint that can't be fetched now: the job is tried again.
absl::StatusOr<std::unique_ptr<Trainer>> MakeResumed(const JobContext& context, TrainerFactory make) {
  absl::StatusOr<std::unique_ptr<Trainer>> trainer = make();
  for (const std::string& sha256 :
       {context.job.checkpoint_sha256(), context.job.previous_checkpoint_sha256()}) {
    if (!trainer.ok() || sha256.empty()) break;
    bool broken = false;
    const absl::Status resumed = Resume(context, sha256, **trainer, broken);
    if (resumed.ok()) {
      spdlog::info("job {}: goes on from iteration {}", context.job.job_id(), (*trainer)->resumed_from());
      break;
    }
    if (!broken) return resumed;
    spdlog::warn("job {}: a checkpoint can't be used and is dropped: {}", context.job.job_id(),
                 std::string(resumed.message()));
    if (const absl::Status dropped = DropCheckpoint(context, sha256); !dropped.ok()) return dropped;
    trainer = make();  // nothing is restored by halves
  }
  return trainer;
}

absl::Status SaveCheckpoint(const JobContext& context, const Checkpoint& checkpoint) {
  const std::filesystem::path file = context.TemporaryFile("checkpoint");
  if (absl::Status written = WriteCheckpoint(file, checkpoint); !written.ok()) return written;
  const absl::StatusOr<Sha256> hash = context.Upload(file);
  std::error_code error;
  std::filesystem::remove(file, error);
  if (!hash.ok()) return hash.status();
  v1::SaveCheckpointRequest request;
  request.set_job_id(context.job.job_id());
  request.set_lease(context.job.lease());
  request.set_sha256(ToBytes(*hash));
  request.set_iteration(static_cast<uint64_t>(checkpoint.iteration));
  const auto stub = v1::WorkerService::NewStub(context.connection.channel());
  return Call(context.connection, *stub, &v1::WorkerService::Stub::SaveCheckpoint, request).status();
}

v1::JobProgress ProgressOf(const TrainingProgress& training) {
  v1::JobProgress progress;
  progress.set_kind("train");
  progress.set_done(static_cast<uint64_t>(training.iteration));
  progress.set_total(static_cast<uint64_t>(training.iterations));
  progress.set_loss(training.loss);
  progress.set_images_per_second(training.images_per_second);
  progress.set_resumed_from(static_cast<uint64_t>(training.resumed_from));
  if (training.measurement.has_value()) progress.set_ap50(training.measurement->ap50);
  return progress;
}

TrainingCallbacks JobCallbacks(const JobContext& context) {
  TrainingCallbacks callbacks;
  callbacks.on_step = [&context](const TrainingProgress& progress) {
    context.lease.Report(ProgressOf(progress));
    return context.lease.MayGoOn();
  };
  callbacks.on_checkpoint = [&context](const Checkpoint& checkpoint) {
    const absl::Status saved = SaveCheckpoint(context, checkpoint);
    if (saved.ok() || saved.code() == absl::StatusCode::kFailedPrecondition) return saved;
    // A missing checkpoint is no reason to stop the training: the next one replaces it.
    spdlog::warn("job {}: no checkpoint at iteration {}: {}", context.job.job_id(), checkpoint.iteration,
                 std::string(saved.message()));
    return absl::OkStatus();
  };
  return callbacks;
}

absl::Status Complete(const JobContext& context, const Trainer& trainer) {
  const std::filesystem::path file = context.TemporaryFile("model");
  if (absl::Status saved = trainer.SaveWeights(file); !saved.ok()) return saved;
  std::error_code error;
  const uint64_t size_bytes = std::filesystem::file_size(file, error);
  const absl::StatusOr<Sha256> hash = context.Upload(file);
  std::filesystem::remove(file, error);
  if (!hash.ok()) return hash.status();
  v1::CompleteJobRequest request;
  request.set_weights_sha256(ToBytes(*hash));
  request.set_weights_bytes(size_bytes);
  request.set_final_loss(trainer.final_loss());
  const std::vector<double> quality = trainer.class_quality();
  request.mutable_class_quality()->Add(quality.begin(), quality.end());
  if (trainer.measurement().has_value()) request.set_final_ap50(trainer.measurement()->ap50);
  return context.Complete(std::move(request));
}

v1::LabelErrorKind KindOf(evaluation::LabelErrorKind kind) {
  switch (kind) {
    case evaluation::LabelErrorKind::kMissing:
      return v1::LABEL_MISSING;
    case evaluation::LabelErrorKind::kMoved:
      return v1::LABEL_MOVED;
    case evaluation::LabelErrorKind::kWrongClass:
      return v1::LABEL_WRONG_CLASS;
    case evaluation::LabelErrorKind::kInvented:
      return v1::LABEL_INVENTED;
  }
  return v1::LABEL_ERROR_KIND_UNSPECIFIED;
}

v1::LabelError MessageOf(const evaluation::LabelError& error, const HeldOutImage& image) {
  v1::LabelError message;
  message.set_image_id(image.id);
  message.set_kind(KindOf(error.kind));
  message.set_log_odds(error.log_odds);
  if (error.label >= 0) message.set_box_id(image.box_ids[static_cast<size_t>(error.label)]);
  if (error.kind == evaluation::LabelErrorKind::kInvented) return message;
  message.set_label(static_cast<uint32_t>(error.class_index) + 1);
  v1::Box& box = *message.mutable_box();
  box.set_x1(static_cast<float>(error.box.x));
  box.set_y1(static_cast<float>(error.box.y));
  box.set_x2(static_cast<float>(error.box.x + error.box.width));
  box.set_y2(static_cast<float>(error.box.y + error.box.height));
  return message;
}

// Looks for errors in the labels of the fold, and completes the job with them.
absl::Status CompleteSearch(const JobContext& context, const Snapshot& snapshot, Trainer& trainer) {
  const auto checked = CheckImages(snapshot.HeldOutImages(), context.job.recipe().training().batch_size(),
                                   trainer.evaluated_model(), [&context] { return context.lease.MayGoOn(); });
  if (!checked.ok()) return checked.status();
  v1::CompleteJobRequest request;
  for (const evaluation::LabelError& error : evaluation::FindLabelErrors(*checked)) {
    if (request.label_errors_size() == kMaxLabelErrors) break;
    *request.add_label_errors() = MessageOf(error, snapshot.held_out[static_cast<size_t>(error.image)]);
  }
  return context.Complete(std::move(request));
}

// A search that has nothing to search, or nothing to learn from, finds nothing.
bool CanSearch(const Snapshot& snapshot) {
  const auto has_box = [](const TrainingImage& image) { return image.target.boxes.size(0) > 0; };
  const auto& others = snapshot.set.images;
  return !snapshot.held_out.empty() && std::any_of(others.begin(), others.end(), has_box);
}

// Trains on the images of `snapshot`.
absl::Status Train(const JobContext& context, const Snapshot& snapshot) {
  if (context.job.kind() == v1::FIND_LABEL_ERRORS && !CanSearch(snapshot)) return context.Complete({});
  absl::StatusOr<SafetensorsFile> init = SafetensorsFile();
  const bool has_init = !context.job.weights_sha256().empty();
  if (has_init) init = context.ReadWeights(context.job.weights_sha256());
  if (!init.ok()) return init.status();
  // The project's own model knows classes by label: they may have been renamed since, or added.
  if (context.job.own_weights()) detection::NameClasses(snapshot.set.class_names, init->metadata);
  const absl::StatusOr<std::unique_ptr<Trainer>> trainer = MakeResumed(context, [&] {
    return Trainer::Create(WithDefaults(context.job.recipe()), snapshot.set, has_init ? &*init : nullptr,
                           context.device);
  });
  if (!trainer.ok()) return trainer.status();
  if (has_init) spdlog::info("job {}: initial weights: {}", context.job.job_id(), (*trainer)->init_summary());

  const absl::Status trained = (*trainer)->Run(JobCallbacks(context));
  if (absl::IsCancelled(trained)) {
    // Told to stop: the next worker resumes from here, not from the last checkpoint.
    const absl::Status saved = SaveCheckpoint(context, (*trainer)->MakeCheckpoint());
    if (!saved.ok())
      spdlog::warn("job {}: no checkpoint: {}", context.job.job_id(), std::string(saved.message()));
  }
  if (!trained.ok()) return trained;
  if (context.job.kind() == v1::TRAIN) return Complete(context, **trainer);
  return CompleteSearch(context, snapshot, **trainer);
}

}  // namespace

absl::Status RunTrainJob(const JobContext& context) {
  for (;;) {
    const absl::StatusOr<Snapshot> snapshot = ReadSnapshot(context);
    if (!snapshot.ok()) return snapshot.status();
    absl::Status trained = Train(context, *snapshot);
    if (!IsFaultOfPicture(trained)) return trained;
    const absl::StatusOr<int> set_aside = SetBadPicturesAside(context, *snapshot);
    if (!set_aside.ok()) return set_aside.status();
    if (*set_aside == 0) return trained;  // something else was wrong
  }
}

}  // namespace loupe
