// The lease under which a worker calls. Once it has ended, nothing is read or written under it.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "db/database.h"
#include "db/ids.h"
#include "db/stores/job_store.h"
#include "loupe/v1/worker.pb.h"
#include "server/rpc/rpc_call.h"

namespace loupe {

// FAILED_PRECONDITION (LEASE_ENDED).
absl::Status LeaseEnded();

// The round of the job that a lease holds, for calls that change the job. Errors: LeaseEnded.
// Locks: the round's row, then the lease.
absl::StatusOr<RoundId> LockLeasedRound(Transaction& transaction, const HeldJob& held);

// The job that a lease holds. `kinds`: the kinds of job that may make this call.
// Errors: LeaseEnded, INVALID_ARGUMENT (a job of another kind). Locks: the lease.
absl::StatusOr<JobRow> ReadLeasedJob(Transaction& transaction, const HeldJob& held,
                                     const std::vector<v1::JobKind>& kinds);

// From a request that names a job and its lease.
template <typename Request>
HeldJob HeldBy(const Call& call, const Request& request) {
  return {JobId(request.job_id()), LeaseNumber(request.lease()), call.principal.id};
}

}  // namespace loupe
