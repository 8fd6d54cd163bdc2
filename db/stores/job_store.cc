#include "db/stores/job_store.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "db/rows/message_row.h"
#include "db/transaction.h"

namespace loupe {
namespace {

// The place of a text among the names of an enumeration's values, in their order.
template <size_t N>
size_t IndexOf(const std::array<const char*, N>& names, const pqxx::field& field) {
  const auto found = std::find(names.begin(), names.end(), field.as<std::string>());
  if (found == names.end()) throw pqxx::conversion_error("unknown " + field.as<std::string>());
  return static_cast<size_t>(found - names.begin());
}

// Indexed by v1::JobKind and by JobState.
constexpr std::array<const char*, 5> kKindNames = {"", "train", "evaluate", "predict", "find_label_errors"};
constexpr std::array<const char*, 4> kJobStateNames = {"waiting", "done", "failed", "cancelled"};

JobRow JobRowOf(const pqxx::row& row) {
  JobRow job;
  job.id = IdOf<JobId>(row["id"]);
  job.kind = static_cast<v1::JobKind>(IndexOf(kKindNames, row["kind"]));
  job.state = static_cast<JobState>(IndexOf(kJobStateNames, row["state"]));
  job.round = IdOf<RoundId>(row["round_id"]);
  job.project = IdOf<ProjectId>(row["project_id"]);
  job.recipe = row["recipe"].as<std::string>();
  job.model = IdOf<ModelId>(row["model_id"]);
  job.first_image = IdOf<ImageId>(row["first_image_id"]);
  job.last_image = IdOf<ImageId>(row["last_image_id"]);
  job.images = row["images"].as<uint64_t>();
  job.ended_lease = IdOf<LeaseNumber>(row["ended_lease"]);
  job.snapshot = IdOf<SnapshotId>(row["snapshot_id"]);
  v1::Job& message = job.message;
  message.set_job_id(job.id.value());
  message.set_kind(job.kind);
  message.set_project(row["project_name"].as<std::string>());
  message.mutable_intensity_range()->set_low(row["intensity_low"].as<uint32_t>());
  message.mutable_intensity_range()->set_high(row["intensity_high"].as<uint32_t>());
  message.set_round(row["round_number"].as<uint32_t>());
  message.set_images(job.images);
  message.set_fold(row["fold"].as<uint32_t>());
  if (!row["weights_sha256"].is_null()) message.set_weights_sha256(BytesOf(row["weights_sha256"]));
  message.set_weights_preset(row["preset"].as<std::string>());
  if (!row["checkpoint_sha256"].is_null()) message.set_checkpoint_sha256(BytesOf(row["checkpoint_sha256"]));
  message.set_checkpoint_iteration(row["checkpoint_iteration"].as<uint64_t>());
  if (!row["previous_checkpoint_sha256"].is_null()) {
    message.set_previous_checkpoint_sha256(BytesOf(row["previous_checkpoint_sha256"]));
  }
  message.set_previous_checkpoint_iteration(row["previous_checkpoint_iteration"].as<uint64_t>());
  return job;
}

// Adds the iterations of one of `count` trainings of the same length.
void AddTraining(bool open, const v1::JobProgress& job, uint64_t count, v1::JobProgress& all) {
  all.set_done(all.done() + (open ? job.done() : job.total()));
  all.set_total(std::max(all.total(), job.total() * count));
  if (open) all.set_images_per_second(all.images_per_second() + job.images_per_second());
}

}  // namespace

void InsertTrainJob(Transaction& transaction, RoundId round) { transaction.Exec("InsertTrainJob", round); }

void InsertEvaluateJobs(Transaction& transaction, RoundId round, ProjectId project, ModelId model,
                        uint32_t shard_size) {
  transaction.Exec("InsertEvaluateJobs", round, model, project, shard_size);
}

void InsertPredictJobs(Transaction& transaction, RoundId round, ProjectId project, ModelId model,
                       uint32_t shard_size) {
  transaction.Exec("InsertPredictJobs", round, model, project, shard_size);
}

void InsertLabelErrorJobs(Transaction& transaction, RoundId round, uint32_t folds) {
  transaction.Exec("InsertLabelErrorJobs", round, folds);
}

JobCounts CountJobs(Transaction& transaction, RoundId round, v1::JobKind kind) {
  const pqxx::row row = transaction.Exec("CountJobs", round, kKindNames.at(kind)).at(0);
  return {row["jobs"].as<uint64_t>(), row["open"].as<uint64_t>()};
}

v1::JobProgress ReadProgress(Transaction& transaction, RoundId round, v1::JobKind kind) {
  v1::JobProgress all;
  all.set_kind(kKindNames.at(kind));
  const pqxx::result rows = transaction.Exec("ReadProgress", round, kKindNames.at(kind));
  for (const auto& row : rows) {
    v1::JobProgress job;
    if (!row["progress"].is_null()) ParseMessage(row["progress"], job);
    if (kind == v1::TRAIN) {
      job.set_kind(all.kind());
      return job;
    }
    if (kind == v1::FIND_LABEL_ERRORS) {
      AddTraining(row["state"].as<std::string>() == kJobStateNames[0], job, rows.size(), all);
      continue;
    }
    // The worker's total is what was left of the job when it leased it.
    const auto images = row["images"].as<uint64_t>();
    const bool open = row["state"].as<std::string>() == kJobStateNames[0];
    const uint64_t left = job.total() - std::min(job.done(), job.total());
    all.set_total(all.total() + images);
    if (!open) all.set_done(all.done() + images);
    if (open && job.total() > 0) all.set_done(all.done() + images - std::min(left, images));
    if (open) all.set_images_per_second(all.images_per_second() + job.images_per_second());
  }
  return all;
}

void CancelJobs(Transaction& transaction, RoundId round) {
  transaction.Exec("CancelJobs", round);
  transaction.Exec("DeleteLeasesOfRound", round);
}

void HearWorker(Transaction& transaction, PrincipalId principal, const std::string& name) {
  transaction.Exec("HearWorker", principal, name);
}

void ForgetWorkers(Transaction& transaction) { transaction.Exec("ForgetWorkers"); }

std::vector<v1::WorkerStatus> ReadWorkers(Transaction& transaction) {
  std::vector<v1::WorkerStatus> workers;
  for (const auto& row : transaction.Exec("SelectWorkers")) {
    v1::WorkerStatus& worker = workers.emplace_back();
    worker.set_name(row["name"].as<std::string>());
    *worker.mutable_last_heard() = TimestampOf(row["last_heard"]);
    worker.set_is_here(row["is_here"].as<bool>());
    worker.set_job(row["kind"].as<std::string>());
    worker.set_round(row["round"].as<uint32_t>());
    worker.set_project(row["project"].as<std::string>());
  }
  return workers;
}

WorkersOfRound ReadWorkersOfRound(Transaction& transaction, RoundId round) {
  const pqxx::row row = transaction.Exec("RoundWaitsForWorker", round).at(0);
  return {row["waits"].as<bool>(), row["workers"].as<uint32_t>()};
}

int64_t DeleteExpiredJobLeases(Transaction& transaction) {
  return static_cast<int64_t>(transaction.Exec("DeleteExpiredJobLeases").size());
}

std::optional<std::string> FindAbandonedJob(Transaction& transaction, RoundId round) {
  const pqxx::result rows = transaction.Exec("FindAbandonedJob", round, kMaxJobAttempts);
  if (rows.empty()) return std::nullopt;
  return rows[0]["kind"].as<std::string>();
}

JobId LockFreeJob(Transaction& transaction) {
  const pqxx::result rows = transaction.Exec("LockFreeJob", kMaxJobAttempts);
  return rows.empty() ? JobId() : IdOf<JobId>(rows[0]["id"]);
}

std::optional<JobLease> LeaseJob(Transaction& transaction, JobId job, PrincipalId holder,
                                 const std::string& holder_name) {
  const pqxx::result rows =
      transaction.Exec("LeaseJob", job, holder, holder_name, absl::ToDoubleSeconds(kJobLease));
  if (rows.empty()) return std::nullopt;
  transaction.Exec("CountJobAttempt", job, holder_name);
  transaction.Exec("BeginTraining", job);
  return JobLease{IdOf<LeaseNumber>(rows[0]["number"]), TimeOf(rows[0]["expires_at"])};
}

std::optional<absl::Time> RenewJobLease(Transaction& transaction, const HeldJob& held) {
  const pqxx::result rows =
      transaction.Exec("RenewJobLease", held.job, held.lease, held.holder, absl::ToDoubleSeconds(kJobLease));
  if (rows.empty()) return std::nullopt;
  transaction.Exec("HearHolder", held.job, held.lease);
  return TimeOf(rows[0]["expires_at"]);
}

bool LockJobLease(Transaction& transaction, const HeldJob& held) {
  return !transaction.Exec("LockJobLease", held.job, held.lease, held.holder).empty();
}

void DeleteJobLease(Transaction& transaction, JobId job, LeaseNumber lease) {
  transaction.Exec("DeleteJobLease", job, lease);
}

std::optional<JobRow> FindJob(Transaction& transaction, JobId job) {
  const pqxx::result rows = transaction.Exec("FindJob", job);
  if (rows.empty()) return std::nullopt;
  return JobRowOf(rows[0]);
}

void SetJobProgress(Transaction& transaction, JobId job, const v1::JobProgress& progress) {
  const std::string bytes = progress.SerializeAsString();
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  const auto iteration = static_cast<int64_t>(std::min(progress.done(), kMost));
  const std::optional<double> ap50 = progress.has_ap50() ? std::optional(progress.ap50()) : std::nullopt;
  transaction.Exec("SetJobProgress", job, SqlBytes{bytes}, iteration, progress.loss(),
                   progress.images_per_second(), ap50);
}

std::vector<v1::TrainingPoint> ReadTrainingPoints(Transaction& transaction, RoundId round) {
  std::vector<v1::TrainingPoint> points;
  for (const auto& row : transaction.Exec("SelectTrainingPoints", round)) {
    v1::TrainingPoint& point = points.emplace_back();
    *point.mutable_at() = TimestampOf(row["created_at"]);
    point.set_iteration(row["iteration"].as<uint64_t>());
    point.set_loss(row["loss"].as<double>());
    point.set_images_per_second(row["images_per_second"].as<double>());
    if (!row["ap50"].is_null()) point.set_ap50(row["ap50"].as<double>());
  }
  return points;
}

std::optional<std::vector<Sha256>> SetCheckpoint(Transaction& transaction, JobId job,
                                                 const Sha256& checkpoint, uint64_t iteration) {
  std::vector<Sha256> left;
  const pqxx::result rows = transaction.Exec("SetCheckpoint", job, checkpoint, iteration);
  if (rows.empty() && transaction.Exec("IsCheckpoint", job, checkpoint, iteration).empty()) {
    return std::nullopt;
  }
  for (const auto& row : rows) {
    if (!row[0].is_null()) left.push_back(Sha256Of(row[0]));
  }
  return left;
}

void DropCheckpoint(Transaction& transaction, JobId job, const Sha256& checkpoint) {
  transaction.Exec("DropCheckpoint", job, checkpoint);
}

std::optional<bool> JobNeedsBlob(Transaction& transaction, const HeldJob& held, const Sha256& blob) {
  const pqxx::result rows = transaction.Exec("JobNeedsBlob", held.job, held.lease, held.holder, blob);
  if (rows.empty()) return std::nullopt;
  return rows[0][0].as<bool>();
}

std::vector<MeasuredRate> ReadRates(Transaction& transaction, v1::JobKind kind, int limit) {
  std::vector<MeasuredRate> rates;
  for (const auto& row : transaction.Exec("SelectRates", kKindNames.at(kind), limit)) {
    v1::JobProgress progress;
    ParseMessage(row["progress"], progress);
    if (progress.images_per_second() > 0) {
      rates.push_back({row["recipe"].as<std::string>(), progress.images_per_second()});
    }
  }
  return rates;
}

void ForgetJobAttempts(Transaction& transaction, JobId job) { transaction.Exec("ForgetJobAttempts", job); }

void ReleaseJob(Transaction& transaction, JobId job, LeaseNumber lease) {
  transaction.Exec("ReleaseJob", job);
  DeleteJobLease(transaction, job, lease);
}

int CountTransientFailure(Transaction& transaction, JobId job) {
  return transaction.Exec("CountTransientFailure", job).at(0)["transient_failures"].as<int>();
}

void CompleteJob(Transaction& transaction, JobId job, LeaseNumber lease) {
  transaction.Exec("CompleteJob", job, lease);
  DeleteJobLease(transaction, job, lease);
}

void FailJob(Transaction& transaction, JobId job, LeaseNumber lease, std::string_view error) {
  transaction.Exec("FailJob", job, lease, error);
  DeleteJobLease(transaction, job, lease);
}

}  // namespace loupe
