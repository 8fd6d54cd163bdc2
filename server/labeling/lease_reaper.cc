#include "server/labeling/lease_reaper.h"

#include <malloc.h>
#include <spdlog/spdlog.h>

#include "absl/time/clock.h"
#include "db/stores/job_store.h"
#include "db/stores/principal_store.h"
#include "db/stores/ranking_store.h"
#include "db/stores/request_store.h"
#include "db/stores/task_store.h"
#include "server/projects/project_erasure.h"
#include "server/storage/uploads_erasure.h"

namespace loupe {
namespace {

constexpr absl::Duration kPeriod = absl::Seconds(1);
constexpr absl::Duration kDeadline = absl::Seconds(10);
constexpr int kPeriodsPerSweep = 3600;  // once an hour
constexpr int kPeriodsPerTrim = 30;
constexpr int64_t kRequestsAtATime = 5000;

}  // namespace

LeaseReaper::LeaseReaper(Database& database, const BlobStore& blobs, Metrics& metrics)
    : database_(database), blobs_(blobs), metrics_(metrics), thread_([this] { Loop(); }) {}

LeaseReaper::~LeaseReaper() {
  stop_.Set();
  thread_.join();
}

void LeaseReaper::Loop() {
  for (int period = 0;; period = (period + 1) % kPeriodsPerSweep) {
    ReapOnce();
    if (period == 0) SweepOnce();
    // Of a burst of calls glibc keeps a hundred megabytes that are free.
    if (period % kPeriodsPerTrim == 0) malloc_trim(0);
    if (stop_.WaitFor(kPeriod)) return;
  }
}

void LeaseReaper::ReapOnce() {
  const absl::Time deadline = absl::Now() + kDeadline;
  // Transact has logged what fails. It is tried again in the next period.
  const auto expired = database_.Transact({"ExpireTasks", deadline}, [](Transaction& transaction) {
    ShortenLeases(transaction);
    return absl::StatusOr<int64_t>(ExpireTasks(transaction));
  });
  if (expired.ok() && *expired > 0) {
    metrics_.TaskLeasesExpired(*expired);
    spdlog::info("{} leases of images ended", *expired);
  }
  (void)database_.Transact({"AdvanceFirstOpen", deadline}, [](Transaction& transaction) {
    AdvanceFirstOpen(transaction);
    return absl::OkStatus();
  });
}

void LeaseReaper::SweepOnce() {
  (void)database_.Transact({"ForgetWorkersAndSessions", absl::Now() + kDeadline},
                           [](Transaction& transaction) {
                             ForgetWorkers(transaction);
                             ForgetEndedSessions(transaction);
                             FreeRequests(transaction);
                             return absl::OkStatus();
                           });
  for (;;) {
    const auto forgotten =
        database_.Transact({"ForgetOldRequests", absl::Now() + kDeadline}, [](Transaction& transaction) {
          return absl::StatusOr<int64_t>(ForgetOldRequests(transaction, kRequestsAtATime));
        });
    if (!forgotten.ok() || *forgotten < kRequestsAtATime) break;
  }
  for (;;) {
    const absl::StatusOr<Erased> erased = EraseDeletedProjects(database_, blobs_, absl::Now() + kDeadline);
    if (!erased.ok() || erased->images == 0) break;
  }
  for (;;) {
    const auto erased = EraseUploads(database_, blobs_, PrincipalId(), absl::Now() + kDeadline);
    if (!erased.ok() || *erased == 0) return;
  }
}

}  // namespace loupe
