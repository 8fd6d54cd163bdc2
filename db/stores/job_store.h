// Jobs, and the leases under which workers do them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "content/sha256.h"
#include "db/ids.h"
#include "loupe/v1/project.pb.h"
#include "loupe/v1/worker.pb.h"

namespace loupe {

class Transaction;

// How long a lease lasts without being renewed.
constexpr absl::Duration kJobLease = absl::Seconds(60);

enum class JobState { kWaiting, kDone, kFailed, kCancelled };

struct JobRow {
  JobId id;
  v1::JobKind kind = v1::JOB_KIND_UNSPECIFIED;
  JobState state = JobState::kWaiting;
  RoundId round;
  ProjectId project;
  SnapshotId snapshot;
  ModelId model;            // the model that predicts; none for those that train
  std::string recipe;       // of the round that trained `model`; for TRAIN, of the job's own round
  ImageId first_image;      // the shard: images of one side with ids from here
  ImageId last_image;       // up to and including this one; both none for TRAIN
  uint64_t images = 0;      // in the shard or the snapshot, when the job was made
  LeaseNumber ended_lease;  // the lease under which the job was completed or failed; none: neither
  v1::Job message;          // without lease, recipe, classes and, for TRAIN, the weights to start from
};

// The functions that insert jobs require the round's lock and are idempotent.

void InsertTrainJob(Transaction& transaction, RoundId round);
// For the labelled holdout images that `model` has not predicted, `shard_size` images per job. Does nothing
// when the round has EVALUATE jobs of this model.
void InsertEvaluateJobs(Transaction& transaction, RoundId round, ProjectId project, ModelId model,
                        uint32_t shard_size);
// For every image of the pool, `shard_size` images per job.
void InsertPredictJobs(Transaction& transaction, RoundId round, ProjectId project, ModelId model,
                       uint32_t shard_size);

// For the labels of the round's snapshot, one job for each fold.
void InsertLabelErrorJobs(Transaction& transaction, RoundId round, uint32_t folds);

struct JobCounts {
  uint64_t all = 0;
  uint64_t open = 0;  // waiting or leased
};
JobCounts CountJobs(Transaction& transaction, RoundId round, v1::JobKind kind);

// The progress of all jobs of one kind, added up.
v1::JobProgress ReadProgress(Transaction& transaction, RoundId round, v1::JobKind kind);

// What was reported of the round's training, oldest first.
std::vector<v1::TrainingPoint> ReadTrainingPoints(Transaction& transaction, RoundId round);

// Cancels the round's waiting jobs and ends their leases; workers notice at their next call.
// Requires: the round's lock.
void CancelJobs(Transaction& transaction, RoundId round);

// A worker asks for a job: it is there.
void HearWorker(Transaction& transaction, PrincipalId principal, const std::string& name);
// Forgets those that were last heard of a day ago.
void ForgetWorkers(Transaction& transaction);
// Those that were heard of in the last hour.
std::vector<v1::WorkerStatus> ReadWorkers(Transaction& transaction);

struct WorkersOfRound {
  bool waits = false;    // jobs of the round wait, and nobody works on one
  uint32_t workers = 0;  // that were heard of in the last minute
};
WorkersOfRound ReadWorkersOfRound(Transaction& transaction, RoundId round);

struct MeasuredRate {
  std::string recipe;  // as JobRow.recipe
  double images_per_second = 0;
};
// Of the latest `limit` jobs that are done, the latest first.
std::vector<MeasuredRate> ReadRates(Transaction& transaction, v1::JobKind kind, int limit);

// Deletes leases that have expired, so that their jobs can be leased again, and tells it in the rounds' logs.
// Returns how many. Idempotent.
int64_t DeleteExpiredJobLeases(Transaction& transaction);

// A job is abandoned when this many leases of it expired without progress in between. It is not leased again
// and its round fails.
constexpr int kMaxJobAttempts = 5;

// The kind of an abandoned job of this round. nullopt: there is none.
std::optional<std::string> FindAbandonedJob(Transaction& transaction, RoundId round);

// The oldest job without a lease. None: there is none, or other transactions hold the locks of all of them.
// Locks: the job's row.
JobId LockFreeJob(Transaction& transaction);

struct JobLease {
  LeaseNumber number;
  absl::Time expires_at;
};
// Leases a job, counts the attempt and tells it in the round's log. nullopt: another worker leased it first.
// Requires: LockFreeJob.
std::optional<JobLease> LeaseJob(Transaction& transaction, JobId job, PrincipalId holder,
                                 const std::string& holder_name);
// What a worker's call names, and who calls: a lease answers to its holder alone.
struct HeldJob {
  JobId job;
  LeaseNumber lease;
  PrincipalId holder;
};
// Returns when the lease expires now. An expired lease is renewed too, until DeleteExpiredJobLeases deletes
// it. nullopt: the lease has ended.
std::optional<absl::Time> RenewJobLease(Transaction& transaction, const HeldJob& held);
// Whether the lease still holds. Locks: the lease, so that it can't end before this transaction does.
bool LockJobLease(Transaction& transaction, const HeldJob& held);
void DeleteJobLease(Transaction& transaction, JobId job, LeaseNumber lease);

// Whether it is a picture of the job's images, the weights that it predicts with or one of its checkpoints.
// nullopt: the lease has ended.
std::optional<bool> JobNeedsBlob(Transaction& transaction, const HeldJob& held, const Sha256& blob);

// nullopt: there is no such job.
std::optional<JobRow> FindJob(Transaction& transaction, JobId job);

// The functions below require LockJobLease or RenewJobLease.

// Keeps a point of a training, too, unless there are enough.
void SetJobProgress(Transaction& transaction, JobId job, const v1::JobProgress& progress);
// The job keeps this checkpoint and the one before. Returns those that it no longer needs. nullopt: the
// iteration is not above that of the checkpoint before. Idempotent.
std::optional<std::vector<Sha256>> SetCheckpoint(Transaction& transaction, JobId job,
                                                 const Sha256& checkpoint, uint64_t iteration);
// The one before it is then the last. Does nothing if the last is another one.
void DropCheckpoint(Transaction& transaction, JobId job, const Sha256& checkpoint);
// Call it when the job made progress: earlier expired leases no longer count.
void ForgetJobAttempts(Transaction& transaction, JobId job);
// Returns how often the job failed for reasons that may pass, this time included.
int CountTransientFailure(Transaction& transaction, JobId job);
// Ends the lease; the job waits again and the attempt does not count.
void ReleaseJob(Transaction& transaction, JobId job, LeaseNumber lease);
// Ends the job and its lease.
void CompleteJob(Transaction& transaction, JobId job, LeaseNumber lease);
void FailJob(Transaction& transaction, JobId job, LeaseNumber lease, std::string_view error);

}  // namespace loupe
