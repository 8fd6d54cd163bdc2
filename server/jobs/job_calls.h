// What workers do to jobs, each call one short transaction. The worker service speaks the protocol around
// them.
//
// Every write is made under the lease's number: errors of all of them but LeaseNextJob are
// FAILED_PRECONDITION (LEASE_ENDED), and those of Database::Transact.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "db/database.h"
#include "db/stores/job_store.h"
#include "loupe/v1/worker.pb.h"
#include "server/blobs/blob_store.h"

namespace loupe {

// How often a job may fail for a reason that may pass.
constexpr int kMaxTransientFailures = 3;
// Predictions are stored so many images at a time.
constexpr size_t kPredictionPiece = 64;

// Leases the oldest job that nobody has. nullopt: there is none now.
// Errors: of request ids. Idempotent by request_id once a job was leased.
absl::StatusOr<std::optional<v1::Job>> LeaseNextJob(Database& database, PrincipalId caller,
                                                    const v1::LeaseJobRequest& request);

// Returns when the lease ends now. Idempotent.
absl::StatusOr<absl::Time> KeepJob(Database& database, const v1::HeartbeatRequest& request);

absl::Status GiveJobBack(Database& database, const v1::ReleaseJobRequest& request);

// Errors: NOT_FOUND (NO_SUCH_BLOB), INVALID_ARGUMENT (not above the iteration before).
absl::Status KeepCheckpoint(Database& database, const BlobStore& blobs,
                            const v1::SaveCheckpointRequest& request);

// Errors: INVALID_ARGUMENT (BAD_WEIGHTS), FAILED_PRECONDITION (INCOMPLETE). Idempotent under one lease.
absl::Status FinishJob(Database& database, const BlobStore& blobs, const v1::CompleteJobRequest& request);

absl::Status LoseJob(Database& database, const v1::FailJobRequest& request);

// What the job is, for the streams. `kinds`: those that the call is for. Errors: INVALID_ARGUMENT (another
// kind).
absl::StatusOr<JobRow> ReadLeasedJob(Database& database, int64_t job, int64_t lease,
                                     const std::vector<v1::JobKind>& kinds);

struct UploadCounts {
  uint64_t stored = 0;
  uint64_t repeated = 0;
  uint64_t set_aside = 0;
};

// Stores a piece of predictions, all of it or nothing. Errors: INVALID_ARGUMENT (BAD_PREDICTION). Idempotent.
absl::StatusOr<UploadCounts> StorePredictions(Database& database, const JobRow& job, LeaseNumber lease,
                                              uint32_t class_count,
                                              std::vector<v1::ImagePrediction> predictions);

}  // namespace loupe
