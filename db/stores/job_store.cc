#include "db/stores/job_store.h"

#include <algorithm>
#include <array>
#include <utility>

#include "db/rows/message_row.h"
#include "db/transaction.h"

namespace loupe {
namespace {

// The names of the rows of an enumeration, in its order.
template <size_t N>
size_t IndexOf(const std::array<const char*, N>& names, const pqxx::field& field) {
  const auto found = std::find(names.begin(), names.end(), field.as<std::string>());
  if (found == names.end()) throw pqxx::conversion_error("unknown " + field.as<std::string>());
  return static_cast<size_t>(found - names.begin());
}

// By v1::JobKind.
constexpr std::array<const char*, 4> kKindNames = {"", "train", "evaluate", "predict"};
constexpr std::array<const char*, 4> kStateNames = {"waiting", "done", "failed", "cancelled"};

JobRow RowOf(const pqxx::row& row) {
  JobRow job;
  job.id = IdOf<JobId>(row[0]);
  job.kind = static_cast<v1::JobKind>(IndexOf(kKindNames, row[1]));
  job.state = static_cast<JobState>(IndexOf(kStateNames, row[2]));
  job.round = IdOf<RoundId>(row[3]);
  job.project = IdOf<ProjectId>(row[5]);
  job.recipe = row[7].as<std::string>();
  job.model = IdOf<ModelId>(row[8]);
  job.first_image = IdOf<ImageId>(row[11]);
  job.last_image = IdOf<ImageId>(row[12]);
  job.images = row[13].as<uint64_t>();
  job.ended_lease = IdOf<LeaseNumber>(row[16]);
  job.snapshot = IdOf<SnapshotId>(row[17]);
  v1::Job& message = job.message;
  message.set_job_id(job.id.value());
  message.set_kind(job.kind);
  message.set_project(row[6].as<std::string>());
  message.set_round(row[4].as<uint32_t>());
  message.set_images(job.images);
  if (!row[9].is_null()) message.set_weights_sha256(BytesOf(row[9]));
  message.set_weights_preset(row[10].as<std::string>());
  if (!row[14].is_null()) message.set_checkpoint_sha256(BytesOf(row[14]));
  message.set_checkpoint_iteration(row[15].as<uint64_t>());
  return job;
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

JobCounts CountJobs(Transaction& transaction, RoundId round, v1::JobKind kind) {
  const pqxx::row row = transaction.Exec("CountJobs", round, kKindNames.at(kind)).at(0);
  return {row[0].as<uint64_t>(), row[1].as<uint64_t>()};
}

v1::JobProgress ReadProgress(Transaction& transaction, RoundId round, v1::JobKind kind) {
  v1::JobProgress all;
  all.set_kind(kKindNames.at(kind));
  for (const auto& row : transaction.Exec("SelectJobsOfKind", round, kKindNames.at(kind))) {
    v1::JobProgress job;
    if (!row[2].is_null()) ParseMessage(row[2], job);
    if (kind == v1::TRAIN) {
      job.set_kind(all.kind());
      return job;
    }
    // A worker counts what was left when it began.
    const auto images = row[1].as<uint64_t>();
    const bool open = row[0].as<std::string>() == kStateNames[0];
    const uint64_t left = job.total() - std::min(job.done(), job.total());
    all.set_total(all.total() + images);
    if (!open) all.set_done(all.done() + images);
    if (open && job.total() > 0) all.set_done(all.done() + images - std::min(left, images));
    if (open) all.set_images_per_second(all.images_per_second() + job.images_per_second());
  }
  return all;
}

void EndJobsOfRound(Transaction& transaction, RoundId round) {
  transaction.Exec("CancelJobs", round);
  transaction.Exec("DeleteJobLeases", round);
}

void DeleteExpiredJobLeases(Transaction& transaction) { transaction.Exec("DeleteExpiredJobLeases"); }

std::optional<std::string> FindLostJob(Transaction& transaction, RoundId round) {
  const pqxx::result rows = transaction.Exec("SelectLostJob", round, kMaxJobAttempts);
  if (rows.empty()) return std::nullopt;
  return rows[0][0].as<std::string>();
}

JobId LockFreeJob(Transaction& transaction) {
  const pqxx::result rows = transaction.Exec("LockFreeJob", kMaxJobAttempts);
  return rows.empty() ? JobId() : IdOf<JobId>(rows[0][0]);
}

std::optional<JobLease> LeaseJob(Transaction& transaction, JobId job, PrincipalId holder,
                                 const std::string& holder_name) {
  const pqxx::result rows =
      transaction.Exec("InsertJobLease", job, holder, holder_name, absl::ToDoubleSeconds(kJobLease));
  if (rows.empty()) return std::nullopt;
  transaction.Exec("CountJobAttempt", job);
  return JobLease{IdOf<LeaseNumber>(rows[0][0]), TimeOf(rows[0][1])};
}

std::optional<absl::Time> RenewJobLease(Transaction& transaction, JobId job, LeaseNumber lease) {
  const pqxx::result rows = transaction.Exec("RenewJobLease", job, lease, absl::ToDoubleSeconds(kJobLease));
  if (rows.empty()) return std::nullopt;
  return TimeOf(rows[0][0]);
}

bool HoldJobLease(Transaction& transaction, JobId job, LeaseNumber lease) {
  return !transaction.Exec("HoldJobLease", job, lease).empty();
}

void DeleteJobLease(Transaction& transaction, JobId job, LeaseNumber lease) {
  transaction.Exec("DeleteJobLease", job, lease);
}

std::optional<JobRow> FindJob(Transaction& transaction, JobId job) {
  const pqxx::result rows = transaction.Exec("SelectJob", job);
  if (rows.empty()) return std::nullopt;
  return RowOf(rows[0]);
}

std::vector<v1::Class> ReadClasses(Transaction& transaction, ProjectId project) {
  std::vector<v1::Class> classes;
  for (const auto& row : transaction.Exec("SelectClassesOfProject", project)) {
    v1::Class& added = classes.emplace_back();
    added.set_label(row[0].as<uint32_t>());
    added.set_name(row[1].as<std::string>());
  }
  return classes;
}

void SetJobProgress(Transaction& transaction, JobId job, const v1::JobProgress& progress) {
  const std::string bytes = progress.SerializeAsString();
  transaction.Exec("SetJobProgress", job, SqlBytes{bytes});
}

bool SetCheckpoint(Transaction& transaction, JobId job, const Sha256& checkpoint, uint64_t iteration) {
  return !transaction.Exec("SetCheckpoint", job, checkpoint, iteration).empty();
}

void ForgetJobAttempts(Transaction& transaction, JobId job) { transaction.Exec("ForgetJobAttempts", job); }

void GiveBackJob(Transaction& transaction, JobId job) { transaction.Exec("GiveBackJob", job); }

int CountTransientFailure(Transaction& transaction, JobId job) {
  return transaction.Exec("CountTransientFailure", job).at(0)[0].as<int>();
}

void EndJob(Transaction& transaction, JobId job, LeaseNumber lease) {
  transaction.Exec("EndJob", job, lease);
  DeleteJobLease(transaction, job, lease);
}

void FailJob(Transaction& transaction, JobId job, LeaseNumber lease, std::string_view error) {
  transaction.Exec("FailJob", job, lease, error);
  DeleteJobLease(transaction, job, lease);
}

}  // namespace loupe
