#include "server/rounds/round_planner.h"

#include <spdlog/spdlog.h>

#include <string>
#include <vector>

#include "db/stores/round_store.h"
#include "server/rounds/round_steps.h"

namespace loupe {
namespace {

constexpr absl::Duration kPassInterval = absl::Milliseconds(200);
// After an error: the database may be unavailable for a while.
constexpr absl::Duration kErrorInterval = absl::Seconds(1);

}  // namespace

void RoundPlanner::Start() {
  thread_ = std::thread([this] { Loop(); });
}

void RoundPlanner::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (thread_.joinable()) thread_.join();
}

absl::Status RoundPlanner::Advance(const OpenRound& round) {
  switch (round.state) {
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
    default:
      return absl::OkStatus();
  }
}

absl::Status RoundPlanner::RunOnce() {
  absl::Status first = StartWaitingRound(database_);
  const auto rounds = database_.Transact(
      "ListOpenRounds", [](Transaction& transaction) -> absl::StatusOr<std::vector<OpenRound>> {
        return ListOpenRounds(transaction);
      });
  first.Update(rounds.status());
  if (!rounds.ok()) return first;
  for (const OpenRound& round : *rounds) {
    first.Update(FailLostRound(database_, round));
    first.Update(Advance(round));
  }
  return first;
}

void RoundPlanner::Loop() {
  std::string last_error;
  for (;;) {
    const absl::Status status = RunOnce();
    // Logged once, not in every pass.
    if (!status.ok() && status.ToString() != last_error) spdlog::warn("round planner: {}", status.ToString());
    last_error = status.ok() ? "" : status.ToString();
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(absl::Condition(&stopping_), status.ok() ? kPassInterval : kErrorInterval);
    if (stopping_) return;
  }
}

}  // namespace loupe
