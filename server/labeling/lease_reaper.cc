#include "server/labeling/lease_reaper.h"

#include <spdlog/spdlog.h>

#include "absl/time/clock.h"
#include "db/stores/ranking_store.h"
#include "db/stores/request_store.h"
#include "db/stores/task_store.h"

namespace loupe {
namespace {

constexpr absl::Duration kRound = absl::Seconds(1);
constexpr absl::Duration kDeadline = absl::Seconds(10);
constexpr int kRoundsPerSweep = 3600;  // of old requests

}  // namespace

LeaseReaper::LeaseReaper(Database& database) : database_(database), thread_([this] { Loop(); }) {}

LeaseReaper::~LeaseReaper() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void LeaseReaper::Loop() {
  for (int round = 0;; round = (round + 1) % kRoundsPerSweep) {
    ReapOnce(round == 0);
    absl::MutexLock lock(&mutex_);
    if (mutex_.AwaitWithTimeout(absl::Condition(&stopping_), kRound)) return;
  }
}

void LeaseReaper::ReapOnce(bool old_requests) {
  const absl::Time deadline = absl::Now() + kDeadline;
  // What fails is in the log already, and is done in the next round.
  const auto expired = database_.Transact({"ExpireTasks", deadline}, [](Transaction& transaction) {
    return absl::StatusOr<int64_t>(ExpireTasks(transaction));
  });
  if (expired.ok() && *expired > 0) spdlog::info("{} leases of images ended", *expired);
  (void)database_.Transact({"AdvanceFirstOpen", deadline}, [](Transaction& transaction) {
    AdvanceFirstOpen(transaction);
    return absl::OkStatus();
  });
  if (!old_requests) return;
  (void)database_.Transact({"ForgetOldRequests", deadline}, [](Transaction& transaction) {
    ForgetOldRequests(transaction);
    return absl::OkStatus();
  });
}

}  // namespace loupe
