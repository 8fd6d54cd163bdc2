#include "server/jobs/job_calls.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "db/rows/message_row.h"
#include "db/stores/model_store.h"
#include "db/stores/prediction_store.h"
#include "db/stores/request_store.h"
#include "db/stores/round_store.h"
#include "proto/error_info.h"
#include "server/blobs/weights_check.h"
#include "server/jobs/prediction_check.h"
#include "server/rounds/kept_recipe.h"

namespace loupe {
namespace {

absl::Status LeaseEnded() {
  return Error(absl::StatusCode::kFailedPrecondition, "LEASE_ENDED",
               "the lease of this job has ended: drop the job and ask for another");
}

absl::Status BadWeights(absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "BAD_WEIGHTS", std::string(what));
}

// The model a training starts from. nullopt: from random weights.
std::optional<ModelRow> InitModel(Transaction& transaction, const JobRow& job, const v1::Recipe& recipe) {
  const std::string& name = recipe.detector().init_model();
  if (job.kind != v1::TRAIN || name.empty()) return std::nullopt;
  return FindModel(transaction, job.project, name);
}

// All that a worker needs to know of a job.
absl::StatusOr<v1::Job> Describe(Transaction& transaction, const JobRow& job, const JobLease& lease) {
  const absl::StatusOr<v1::Recipe> recipe = ReadKeptRecipe(job.recipe);
  if (!recipe.ok()) return recipe.status();
  v1::Job message = job.message;
  message.set_lease(lease.number.value());
  *message.mutable_lease_expires_at() = TimestampOf(lease.expires_at);
  *message.mutable_recipe() = *recipe;
  for (const v1::Class& known : ReadClasses(transaction, job.project)) *message.add_classes() = known;
  if (const std::optional<ModelRow> init = InitModel(transaction, job, *recipe)) {
    message.set_weights_sha256(ToBytes(init->weights));
    message.set_weights_preset(init->message.preset());
  }
  return message;
}

absl::StatusOr<std::optional<v1::Job>> TakeJob(Transaction& transaction, PrincipalId caller,
                                               const std::string& worker) {
  DeleteExpiredJobLeases(transaction);
  const JobId id = LockFreeJob(transaction);
  if (!id) return std::nullopt;
  const std::optional<JobLease> lease = LeaseJob(transaction, id, caller, worker);
  const std::optional<JobRow> job = FindJob(transaction, id);
  if (!lease.has_value() || !job.has_value()) return std::nullopt;
  return Describe(transaction, *job, *lease);
}

// The whole blob, read once: its hash and its format.
absl::Status CheckWeightsBlob(const BlobStore& blobs, const v1::CompleteJobRequest& request) {
  const std::optional<Sha256> hash = FromBytes(request.weights_sha256());
  if (!hash.has_value()) return BadWeights("weights_sha256 must be 32 bytes");
  absl::StatusOr<BlobReader> reader = blobs.OpenBlob(*hash);
  if (!reader.ok()) return BadWeights("the weights were not written as a blob before");
  if (reader->size_bytes() != request.weights_bytes()) {
    return BadWeights(
        absl::StrCat("the weights have ", reader->size_bytes(), " bytes, not ", request.weights_bytes()));
  }
  WeightsCheck format;
  Sha256Stream stream;
  constexpr size_t kPieceBytes = 1 << 20;
  for (;;) {
    const absl::StatusOr<std::string> bytes = reader->Next(kPieceBytes);
    if (!bytes.ok()) return bytes.status();
    if (bytes->empty()) break;
    stream.Update(*bytes);
    format.Append(*bytes);
  }
  if (stream.Finish() != *hash) return BadWeights("the weights' bytes were changed: write them again");
  const absl::Status whole = format.Finish();
  return whole.ok() ? whole : BadWeights(whole.message());
}

absl::Status CheckClassQuality(const v1::CompleteJobRequest& request, size_t class_count) {
  const auto& quality = request.class_quality();
  const bool known = quality.empty() || static_cast<size_t>(quality.size()) == class_count;
  // NaN fails every comparison.
  if (known && std::all_of(quality.begin(), quality.end(), [](double q) { return q >= 0 && q <= 1; })) {
    return absl::OkStatus();
  }
  return Error(absl::StatusCode::kInvalidArgument, "INVALID_ARGUMENT",
               absl::StrCat("class_quality must hold a number from 0 to 1 for each of the ", class_count,
                            " classes, or nothing"));
}

absl::Status KeepModel(Transaction& transaction, const JobRow& job, const v1::CompleteJobRequest& request) {
  const absl::StatusOr<v1::Recipe> recipe = ReadKeptRecipe(job.recipe);
  if (!recipe.ok()) return recipe.status();
  const size_t class_count = ReadClasses(transaction, job.project).size();
  if (absl::Status valid = CheckClassQuality(request, class_count); !valid.ok()) return valid;
  const std::optional<ModelRow> parent = InitModel(transaction, job, *recipe);
  const ModelId model =
      InsertModel(transaction, job.project,
                  {.name = absl::StrCat("round-", job.message.round()),
                   .preset = recipe->detector().preset(),
                   .parent = parent.has_value() ? parent->id : ModelId(),
                   .round = job.round,
                   .weights = *FromBytes(request.weights_sha256()),
                   .weights_bytes = request.weights_bytes(),
                   .class_quality = {request.class_quality().begin(), request.class_quality().end()}});
  SetRoundModel(transaction, job.round, model);
  v1::JobProgress progress = ReadProgress(transaction, job.round, v1::TRAIN);
  progress.set_done(recipe->training().iterations());
  progress.set_total(recipe->training().iterations());
  progress.set_loss(request.final_loss());
  if (request.has_final_ap50()) progress.set_ap50(request.final_ap50());
  SetJobProgress(transaction, job.id, progress);
  return absl::OkStatus();
}

// Requires: the locks of project and round.
absl::Status Finish(Transaction& transaction, const JobRow& job, const v1::CompleteJobRequest& request) {
  const LeaseNumber lease(request.lease());
  if (job.state == JobState::kDone && job.ended_lease == lease) return absl::OkStatus();
  if (!HoldJobLease(transaction, job.id, lease)) return LeaseEnded();
  if (job.kind == v1::TRAIN) {
    if (const absl::Status kept = KeepModel(transaction, job, request); !kept.ok()) return kept;
  } else if (const uint64_t done = CountImagesDone(transaction, job); done < job.images) {
    return Error(absl::StatusCode::kFailedPrecondition, "INCOMPLETE",
                 absl::StrCat(job.images - done, " images of the job are not predicted yet"));
  }
  EndJob(transaction, job.id, lease);
  TouchRound(transaction, job.round);
  return absl::OkStatus();
}

absl::StatusOr<UploadCounts> Store(Transaction& transaction, const JobRow& job, LeaseNumber lease,
                                   uint32_t class_count, std::vector<v1::ImagePrediction> predictions) {
  if (!HoldJobLease(transaction, job.id, lease)) return LeaseEnded();
  std::vector<int64_t> ids;
  for (const v1::ImagePrediction& prediction : predictions) ids.push_back(prediction.image_id());
  const std::unordered_map<int64_t, ImageBounds> bounds = ReadBounds(transaction, job, ids);
  UploadCounts counts;
  for (v1::ImagePrediction& prediction : predictions) {
    const auto known = bounds.find(prediction.image_id());
    if (known == bounds.end()) {
      return Error(absl::StatusCode::kInvalidArgument, "BAD_PREDICTION",
                   absl::StrCat("image ", prediction.image_id(), " is not of this job"));
    }
    const absl::StatusOr<std::string> reason = CheckPrediction(known->second, class_count, prediction);
    if (!reason.ok()) return reason.status();
    const bool added = InsertPrediction(transaction, job.model, prediction, *reason);
    counts.stored += added && reason->empty() ? 1 : 0;
    counts.set_aside += added && !reason->empty() ? 1 : 0;
    counts.repeated += added ? 0 : 1;
  }
  if (counts.stored + counts.set_aside > 0) ForgetJobAttempts(transaction, job.id);
  return counts;
}

}  // namespace

absl::StatusOr<std::optional<v1::Job>> LeaseNextJob(Database& database, PrincipalId caller,
                                                    const v1::LeaseJobRequest& request) {
  const RequestKey key = KeyOf(caller, "LeaseJob", request.request_id(), request);
  return database.Transact(
      "LeaseJob", [&](Transaction& transaction) -> absl::StatusOr<std::optional<v1::Job>> {
        const absl::StatusOr<std::optional<std::string>> answered = FindAnswer(transaction, key);
        if (!answered.ok()) return answered.status();
        if (answered->has_value()) {
          v1::Job job;
          if (!job.ParseFromString(**answered)) return absl::InternalError("a kept answer can't be read");
          return job;
        }
        absl::StatusOr<std::optional<v1::Job>> job = TakeJob(transaction, caller, request.worker());
        if (!job.ok() || !job->has_value()) return job;
        if (const absl::Status kept = KeepAnswer(transaction, key, (*job)->SerializeAsString()); !kept.ok())
          return kept;
        return job;
      });
}

absl::StatusOr<absl::Time> KeepJob(Database& database, const v1::HeartbeatRequest& request) {
  return database.Transact("Heartbeat", [&](Transaction& transaction) -> absl::StatusOr<absl::Time> {
    const JobId job(request.job_id());
    const auto round = LockRoundOfJob(transaction, job);
    if (!round.has_value()) return LeaseEnded();
    const std::optional<absl::Time> expires_at =
        RenewJobLease(transaction, job, LeaseNumber(request.lease()));
    if (!expires_at.has_value()) return LeaseEnded();
    SetJobProgress(transaction, job, request.progress());
    TouchRound(transaction, round->first);
    return *expires_at;
  });
}

absl::Status GiveJobBack(Database& database, const v1::ReleaseJobRequest& request) {
  return database.Transact("ReleaseJob", [&](Transaction& transaction) -> absl::Status {
    const JobId job(request.job_id());
    const LeaseNumber lease(request.lease());
    if (!LockRoundOfJob(transaction, job).has_value()) return LeaseEnded();
    if (!HoldJobLease(transaction, job, lease)) return LeaseEnded();
    GiveBackJob(transaction, job);
    DeleteJobLease(transaction, job, lease);
    return absl::OkStatus();
  });
}

absl::Status KeepCheckpoint(Database& database, const BlobStore& blobs,
                            const v1::SaveCheckpointRequest& request) {
  const std::optional<Sha256> hash = FromBytes(request.sha256());
  if (!hash.has_value() || !blobs.Exists(*hash)) {
    return Error(absl::StatusCode::kNotFound, "NO_SUCH_BLOB",
                 "the checkpoint was not written as a blob before");
  }
  return database.Transact("SaveCheckpoint", [&](Transaction& transaction) -> absl::Status {
    const JobId job(request.job_id());
    if (!LockRoundOfJob(transaction, job).has_value()) return LeaseEnded();
    if (!HoldJobLease(transaction, job, LeaseNumber(request.lease()))) return LeaseEnded();
    if (!SetCheckpoint(transaction, job, *hash, request.iteration())) {
      return Error(absl::StatusCode::kInvalidArgument, "INVALID_ARGUMENT",
                   "a checkpoint's iteration must be above that of the one before");
    }
    ForgetJobAttempts(transaction, job);
    return absl::OkStatus();
  });
}

absl::Status FinishJob(Database& database, const BlobStore& blobs, const v1::CompleteJobRequest& request) {
  const auto read = [&](Transaction& transaction) -> absl::StatusOr<JobRow> {
    const std::optional<JobRow> job = FindJob(transaction, JobId(request.job_id()));
    if (!job.has_value()) return LeaseEnded();
    return *job;
  };
  const absl::StatusOr<JobRow> job = database.Transact("ReadJob", read);
  if (!job.ok()) return job.status();
  if (job->kind == v1::TRAIN) {
    if (const absl::Status whole = CheckWeightsBlob(blobs, request); !whole.ok()) return whole;
  }
  return database.Transact("CompleteJob", [&](Transaction& transaction) -> absl::Status {
    LockProject(transaction, job->project);
    LockRound(transaction, job->round);
    const absl::StatusOr<JobRow> now = read(transaction);
    return now.ok() ? Finish(transaction, *now, request) : now.status();
  });
}

absl::Status LoseJob(Database& database, const v1::FailJobRequest& request) {
  return database.Transact("FailJob", [&](Transaction& transaction) -> absl::Status {
    const JobId job(request.job_id());
    const LeaseNumber lease(request.lease());
    const auto round = LockRoundOfJob(transaction, job);
    if (!round.has_value() || !HoldJobLease(transaction, job, lease)) return LeaseEnded();
    if (request.transient() && CountTransientFailure(transaction, job) < kMaxTransientFailures) {
      DeleteJobLease(transaction, job, lease);
      return absl::OkStatus();
    }
    FailJob(transaction, job, lease, request.error());
    FailRound(transaction, round->first, request.error());
    return absl::OkStatus();
  });
}

absl::StatusOr<JobRow> ReadLeasedJob(Database& database, int64_t job_id, int64_t lease,
                                     const std::vector<v1::JobKind>& kinds) {
  return database.Transact("ReadLeasedJob", [&](Transaction& transaction) -> absl::StatusOr<JobRow> {
    const std::optional<JobRow> job = FindJob(transaction, JobId(job_id));
    if (!job.has_value() || !HoldJobLease(transaction, job->id, LeaseNumber(lease))) return LeaseEnded();
    if (std::find(kinds.begin(), kinds.end(), job->kind) == kinds.end()) {
      return Error(absl::StatusCode::kInvalidArgument, "INVALID_ARGUMENT",
                   absl::StrCat("a ", v1::JobKind_Name(job->kind), " job has no use for this call"));
    }
    return *job;
  });
}

absl::StatusOr<UploadCounts> StorePredictions(Database& database, const JobRow& job, LeaseNumber lease,
                                              uint32_t class_count,
                                              std::vector<v1::ImagePrediction> predictions) {
  return database.Transact("StorePredictions", [&](Transaction& transaction) {
    return Store(transaction, job, lease, class_count, predictions);
  });
}

}  // namespace loupe
