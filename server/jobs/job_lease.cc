#include "server/jobs/job_lease.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "db/stores/round_store.h"
#include "proto/error_info.h"

namespace loupe {

absl::Status LeaseEnded() {
  return Error(absl::StatusCode::kFailedPrecondition, "LEASE_ENDED",
               "the lease of this job has ended: drop the job and ask for another");
}

absl::StatusOr<RoundId> LockLeasedRound(Transaction& transaction, const HeldJob& held) {
  const auto round = LockRoundOfJob(transaction, held.job);
  if (!round.has_value() || !LockJobLease(transaction, held)) return LeaseEnded();
  return round->first;
}

absl::StatusOr<JobRow> ReadLeasedJob(Transaction& transaction, const HeldJob& held,
                                     const std::vector<v1::JobKind>& kinds) {
  std::optional<JobRow> job = FindJob(transaction, held.job);
  if (!job.has_value() || !LockJobLease(transaction, held)) return LeaseEnded();
  if (std::find(kinds.begin(), kinds.end(), job->kind) == kinds.end()) {
    return InvalidArgument(absl::StrCat("a ", v1::JobKind_Name(job->kind), " job has no use for this call"));
  }
  return *std::move(job);
}

}  // namespace loupe
