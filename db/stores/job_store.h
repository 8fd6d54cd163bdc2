// Jobs and the leases under which workers do them.
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

constexpr absl::Duration kJobLease = absl::Seconds(60);

enum class JobState { kWaiting, kDone, kFailed, kCancelled };

struct JobRow {
  JobId id;
  v1::JobKind kind = v1::JOB_KIND_UNSPECIFIED;
  JobState state = JobState::kWaiting;
  RoundId round;
  ProjectId project;
  SnapshotId snapshot;
  ModelId model;       // that predicts; none for TRAIN
  std::string recipe;  // of the round that trained `model`, else of the job's own round
  ImageId first_image;
  ImageId last_image;
  uint64_t images = 0;
  LeaseNumber ended_lease;  // under which it was ended; none: it wasn't
  v1::Job message;          // all but lease, recipe, classes and, for a TRAIN job, the weights to start from
};

// Steps make their jobs under the round's lock; making them twice makes them once.
void InsertTrainJob(Transaction& transaction, RoundId round);
// For the labelled holdout images that `model` has not predicted. Nothing where it has jobs in this round
// already.
void InsertEvaluateJobs(Transaction& transaction, RoundId round, ProjectId project, ModelId model,
                        uint32_t shard_size);
// For the pool; a shard without an unlabelled image is left out.
void InsertPredictJobs(Transaction& transaction, RoundId round, ProjectId project, ModelId model,
                       uint32_t shard_size);

struct JobCounts {
  uint64_t all = 0;
  uint64_t open = 0;  // waiting or leased
};
JobCounts CountJobs(Transaction& transaction, RoundId round, v1::JobKind kind);

// How far all jobs of one kind are together.
v1::JobProgress ReadProgress(Transaction& transaction, RoundId round, v1::JobKind kind);

// Cancels what waits and ends the leases; their workers notice at their next call. Requires: the round's
// lock.
void EndJobsOfRound(Transaction& transaction, RoundId round);

// Makes jobs free whose leases ended. Idempotent.
void DeleteExpiredJobLeases(Transaction& transaction);

// A job that so many workers lost without taking it forward is not given out again: its round fails.
constexpr int kMaxJobAttempts = 5;

// The kind of a job of this round that was lost too often. nullopt: there is none.
std::optional<std::string> FindLostJob(Transaction& transaction, RoundId round);

// The oldest job that nobody has. Locks: its row. None: there is none, or others are just taking them.
JobId LockFreeJob(Transaction& transaction);

struct JobLease {
  LeaseNumber number;
  absl::Time expires_at;
};
// Leases a free job and counts the attempt. nullopt: another was faster.
std::optional<JobLease> LeaseJob(Transaction& transaction, JobId job, PrincipalId holder,
                                 const std::string& holder_name);
// nullopt: the lease has ended.
std::optional<absl::Time> RenewJobLease(Transaction& transaction, JobId job, LeaseNumber lease);
// Whether the lease still holds. Locks: the lease, so that it can't end before this transaction.
bool HoldJobLease(Transaction& transaction, JobId job, LeaseNumber lease);
void DeleteJobLease(Transaction& transaction, JobId job, LeaseNumber lease);

// nullopt: there is no such job.
std::optional<JobRow> FindJob(Transaction& transaction, JobId job);
std::vector<v1::Class> ReadClasses(Transaction& transaction, ProjectId project);

// The writes below require HoldJobLease.

void SetJobProgress(Transaction& transaction, JobId job, const v1::JobProgress& progress);
// False when the iteration is not above the one before.
bool SetCheckpoint(Transaction& transaction, JobId job, const Sha256& checkpoint, uint64_t iteration);
// The job went forward: what was lost before was not its fault.
void ForgetJobAttempts(Transaction& transaction, JobId job);
// Takes off the attempt of a worker that gives the job back.
void GiveBackJob(Transaction& transaction, JobId job);
// How often it failed so far for reasons that may pass, this time included.
int CountTransientFailure(Transaction& transaction, JobId job);
void EndJob(Transaction& transaction, JobId job, LeaseNumber lease);
void FailJob(Transaction& transaction, JobId job, LeaseNumber lease, std::string_view error);

}  // namespace loupe
