// Rounds and the snapshots they train on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "db/ids.h"
#include "loupe/v1/round.pb.h"
#include "loupe/v1/worker.pb.h"

namespace loupe {

class Transaction;

enum class RoundState { kWaiting, kTraining, kEvaluating, kPredicting, kRanking, kDone, kFailed, kCancelled };

// As the schema and the protocol spell it.
const char* RoundStateName(RoundState state);

constexpr bool HasEnded(RoundState state) { return state >= RoundState::kDone; }

// Numbers of rounds, models and rankings are given out under this lock.
// Locks: the project's row, until the transaction ends; before any round's. Requires: the project exists.
void LockProject(Transaction& transaction, ProjectId project);

struct Snapshot {
  SnapshotId id;
  uint64_t images = 0;
  uint64_t boxes = 0;  // regions to ignore are not counted
};

// Freezes the current truth of the pool, never of the holdout.
Snapshot FreezeSnapshot(Transaction& transaction, ProjectId project);

// What people spent on the revisions in it, as far as it is known.
struct AnnotationTime {
  double seconds = 0;
  uint64_t images = 0;  // whose seconds these are; imported labels took none
};
AnnotationTime TimeOfSnapshot(Transaction& transaction, SnapshotId snapshot);

struct RoundRow {
  RoundId id;
  ProjectId project;
  RoundState state = RoundState::kWaiting;
  SnapshotId snapshot;
  ModelId model;        // none until trained
  std::string recipe;   // as RecipeText wrote it
  int64_t version = 0;  // raised by every change of the round and its jobs
  v1::Round message;    // all but recipe and progress
};

// A waiting round. Returns its number. Requires: LockProject.
uint32_t InsertRound(Transaction& transaction, ProjectId project, const std::string& recipe,
                     SnapshotId snapshot, PrincipalId submitted_by);

// number 0: the latest. nullopt: there is none.
std::optional<RoundRow> FindRound(Transaction& transaction, ProjectId project, uint32_t number);

// Newest first, those below a number (0: all), at most `limit`.
std::vector<RoundRow> ListRounds(Transaction& transaction, ProjectId project, uint32_t below, uint32_t limit);

// Locks: the round's row. Whoever writes to a round's jobs takes it first.
RoundState LockRound(Transaction& transaction, RoundId round);

// As LockRound, of the round that a job belongs to. nullopt: no such job.
std::optional<std::pair<RoundId, RoundState>> LockRoundOfJob(Transaction& transaction, JobId job);

// Whether the round is in this state and nobody else works on it. Locks: the round's row, when it answers
// true.
bool TryLockRound(Transaction& transaction, RoundId round, RoundState state);

struct OpenRound {
  RoundId id;
  ProjectId project;
  uint32_t number = 0;
  RoundState state = RoundState::kTraining;
};

// Rounds that run, in order of id.
std::vector<OpenRound> ListOpenRounds(Transaction& transaction);

// The oldest waiting round of some project in which none runs; nullopt: nothing waits, or another coordinator
// has it. Locks: the round's row.
std::optional<OpenRound> LockNextWaitingRound(Transaction& transaction);

// Enters a state; the time of a step is when it was entered first. Requires: the round's lock; not kFailed.
void SetRoundState(Transaction& transaction, RoundId round, RoundState state);

// Ends a round and whatever runs for it. Nothing when it has ended. Requires: the round's lock.
void FailRound(Transaction& transaction, RoundId round, std::string_view error);

// Tells watchers that there is news. Requires: the round's lock.
void TouchRound(Transaction& transaction, RoundId round);

void SetRoundModel(Transaction& transaction, RoundId round, ModelId model);

// Items of a snapshot with image ids above `after`, in order, at most `limit`.
std::vector<v1::SnapshotItem> ReadSnapshotItems(Transaction& transaction, SnapshotId snapshot, ImageId after,
                                                int limit);

}  // namespace loupe
