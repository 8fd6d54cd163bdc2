// Rounds and the snapshots they train on.
#pragma once

#include <cstdint>
#include <map>
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

enum class RoundState {
  kWaiting,
  kTraining,
  kEvaluating,
  kPredicting,
  kRanking,
  kChecking,
  kDone,
  kFailed,
  kCancelled
};

// As the schema and the protocol spell it.
const char* RoundStateName(RoundState state);

constexpr bool HasEnded(RoundState state) { return state >= RoundState::kDone; }

// The lock under which rounds, models and rankings get their numbers.
// Locks: the project's row, until the transaction ends. Take it before any round's lock. Requires: the
// project exists.
void LockProject(Transaction& transaction, ProjectId project);

struct Snapshot {
  SnapshotId id;
  uint64_t images = 0;
  uint64_t boxes = 0;  // regions to ignore are not counted
};

// Freezes the current truth of the pool, never of the holdout; and, as regions to ignore, where the serving
// model saw boxes with scores from `ignored_from` up of classes that an image's truth doesn't know yet.
Snapshot FreezeSnapshot(Transaction& transaction, ProjectId project, double ignored_from);

// The time that people spent on the revisions of a snapshot.
struct AnnotationTime {
  double seconds = 0;
  uint64_t images = 0;  // whose time is known; that of imported labels is not
};
AnnotationTime TimeOfSnapshot(Transaction& transaction, SnapshotId snapshot);

struct RoundRow {
  RoundId id;
  ProjectId project;
  RoundState state = RoundState::kWaiting;
  SnapshotId snapshot;
  ModelId model;  // none until trained
  PrincipalId submitted_by;
  std::string recipe;   // as RecipeText wrote it
  int64_t version = 0;  // raised by every change of the round and its jobs
  v1::Round message;    // without recipe and progress
};

// What a round that were submitted now would take: images, boxes, rounds before it, and workers that are
// there.
v1::RoundPlan CountForRound(Transaction& transaction, ProjectId project);

// A waiting round. Returns its number. Requires: LockProject.
uint32_t InsertRound(Transaction& transaction, ProjectId project, const std::string& recipe,
                     SnapshotId snapshot, PrincipalId submitted_by);

// number 0: the latest round. nullopt: there is none.
std::optional<RoundRow> FindRound(Transaction& transaction, ProjectId project, uint32_t number);

// Round -> version, of those that are there.
std::map<RoundId, int64_t> ReadRoundVersions(Transaction& transaction, const std::vector<RoundId>& rounds);

// Rounds with numbers below `below` (0: all), newest first, at most `limit`.
std::vector<RoundRow> ListRounds(Transaction& transaction, ProjectId project, uint32_t below, uint32_t limit);

// Locks: the round's row. Take it before writing to the round's jobs.
RoundState LockRound(Transaction& transaction, RoundId round);

// As LockRound, of the round that a job belongs to. nullopt: no such job.
std::optional<std::pair<RoundId, RoundState>> LockRoundOfJob(Transaction& transaction, JobId job);

// Whether the round is in this state and no other transaction holds its lock. Locks: the round's row, if it
// returns true.
bool TryLockRound(Transaction& transaction, RoundId round, RoundState state);

struct OpenRound {
  RoundId id;
  ProjectId project;
  uint32_t number = 0;
  RoundState state = RoundState::kTraining;
};

// Running rounds, and those that may start: of each project in which none runs the one that has waited
// longest. In order of id.
std::vector<OpenRound> ListOpenRounds(Transaction& transaction);

// Enters a state. When the round enters a state again, the time of the first entry stays. Requires: the
// round's lock; not kFailed.
void SetRoundState(Transaction& transaction, RoundId round, RoundState state);

// Ends a round as failed, and its jobs. Does nothing when the round has ended. Requires: the round's lock.
void FailRound(Transaction& transaction, RoundId round, std::string_view error);

// Adds a line to the round's log: kinds as v1::RoundLine has them. Of each, a round keeps the first 200.
void AddRoundLine(Transaction& transaction, RoundId round, const char* kind, std::string_view text);

// As AddRoundLine, in the log of the job's round: what the job is called, then `text`.
void AddJobLine(Transaction& transaction, JobId job, const char* kind, std::string_view text);

// Oldest first.
std::vector<v1::RoundLine> ReadRoundLines(Transaction& transaction, RoundId round);

// Raises the version, so that watchers look again. Requires: the round's lock.
void TouchRound(Transaction& transaction, RoundId round);

void SetRoundModel(Transaction& transaction, RoundId round, ModelId model);

// Items of a snapshot with image ids above `after`, in order, at most `limit`.
std::vector<v1::SnapshotItem> ReadSnapshotItems(Transaction& transaction, SnapshotId snapshot, ImageId after,
                                                int limit);

}  // namespace loupe
