#include "server/rounds/round_planner.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/rounds/round_steps.h"

namespace loupe {
namespace {

constexpr int kSideBySide = 4;
constexpr absl::Duration kPassInterval = absl::Milliseconds(200);
// After an error: twice as long after each further one.
constexpr absl::Duration kFirstPause = absl::Milliseconds(400);
constexpr absl::Duration kLongestPause = absl::Minutes(1);
// An error that doesn't say that it passes may have passed all the same.
constexpr int kTries = 3;

bool MayPass(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsAborted(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsResourceExhausted(status) || absl::IsCancelled(status);
}

absl::Duration PauseAfter(int failures) {
  return std::min(kFirstPause * (1 << std::min(failures - 1, 20)), kLongestPause);
}

}  // namespace

void RoundPlanner::Start() {
  threads_.emplace_back([this] { LoopOverLists(); });
  for (int i = 0; i < kSideBySide; ++i) threads_.emplace_back([this] { LoopOverQueue(); });
}

void RoundPlanner::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  stop_.Set();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

absl::Status RoundPlanner::Advance(const OpenRound& round) {
  if (const absl::Status lost = FailAbandonedRound(database_, round); !lost.ok()) return lost;
  switch (round.state) {
    case RoundState::kWaiting:
      return StartRound(database_, round);
    case RoundState::kTraining:
      return FinishTraining(database_, round);
    case RoundState::kEvaluating:
      return FinishEvaluating(database_, round);
    case RoundState::kPredicting:
      return FinishPredicting(database_, round);
    case RoundState::kRanking: {
      const absl::Status built = BuildRanking(database_, round);
      return built.ok() ? FinishRanking(database_, blobs_, round) : built;
    }
    case RoundState::kChecking:
      return FinishChecking(database_, round);
    default:
      return absl::OkStatus();
  }
}

absl::Status RoundPlanner::Take(const OpenRound& round) {
  absl::Status status;
  try {
    status = Advance(round);
  } catch (const std::exception& error) {
    status = absl::InternalError(error.what());
  }
  bool fails = false;
  {
    absl::MutexLock lock(&mutex_);
    Progress& progress = progress_[round.id];
    progress.busy = false;
    progress.failures = status.ok() ? 0 : progress.failures + 1;
    if (status.ok()) {
      progress.error.clear();
      return status;
    }
    progress.since_failure = Stopwatch();
    // Logged once, not after every try.
    if (const std::string error = status.ToString(); std::exchange(progress.error, error) != error) {
      spdlog::warn("round {} of project {}: {}", round.number, round.project.value(), error);
    }
    fails = progress.failures >= kTries && !MayPass(status);
  }
  if (!fails) return status;
  const absl::Status failed = FailOpenRound(
      database_, round,
      absl::StrCat(RoundStateName(round.state), " can't end: ", status.message(),
                   "; the coordinator's log says more. Once that is settled, submit the round again"));
  return failed.ok() ? status : failed;
}

absl::StatusOr<std::vector<OpenRound>> RoundPlanner::List() {
  return database_.Transact({"ListOpenRounds", absl::Minutes(1)},
                            [](Transaction& transaction) -> absl::StatusOr<std::vector<OpenRound>> {
                              return ListOpenRounds(transaction);
                            });
}

absl::Status RoundPlanner::RunOnce() {
  const auto rounds = List();
  if (!rounds.ok()) return rounds.status();
  absl::Status first;
  for (const OpenRound& round : *rounds) first.Update(Take(round));
  return first;
}

void RoundPlanner::Queue(const std::vector<OpenRound>& rounds) {
  absl::MutexLock lock(&mutex_);
  std::map<RoundId, Progress> open;  // without those that have ended
  for (const OpenRound& round : rounds) {
    Progress& progress = open[round.id] = progress_[round.id];
    const bool pauses =
        progress.failures > 0 && progress.since_failure.Elapsed() < PauseAfter(progress.failures);
    if (progress.busy || pauses) continue;
    progress.busy = true;
    queue_.push_back(round);
  }
  progress_ = std::move(open);
}

void RoundPlanner::LoopOverLists() {
  for (;;) {
    // Transact has logged what fails.
    if (const auto rounds = List(); rounds.ok()) Queue(*rounds);
    if (stop_.WaitFor(kPassInterval)) return;
  }
}

void RoundPlanner::LoopOverQueue() {
  const auto is_due = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return stopping_ || !queue_.empty(); };
  for (;;) {
    mutex_.LockWhen(absl::Condition(&is_due));
    if (stopping_) return mutex_.Unlock();
    const OpenRound round = queue_.front();
    queue_.pop_front();
    mutex_.Unlock();
    (void)Take(round);
  }
}

}  // namespace loupe
