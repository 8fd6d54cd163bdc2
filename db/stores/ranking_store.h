// Rankings. Reads what a ranking is made from, writes a round's ranking while another one is active, switches
// to it, and reads the active ranking as a queue.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/ids.h"
#include "loupe/v1/annotation.pb.h"
#include "loupe/v1/labeling.pb.h"

namespace loupe {

class Transaction;

// Unlabelled images of the pool with ids above `after`, in order, at most `limit`.
std::vector<ImageId> ReadEligibleImages(Transaction& transaction, ProjectId project, ImageId after,
                                        int limit);

// Unlabelled images of the holdout in the order in which they are to be labelled, at most `limit`.
std::vector<ImageId> ReadHoldoutQueue(Transaction& transaction, ProjectId project, uint64_t limit);

struct TimedTask {
  double seconds = 0;
  int boxes = 0;  // in the correction, without regions to ignore
};

// The latest `limit` answered tasks whose time is known. Times below 0.2 s are left out: no person is so
// fast.
std::vector<TimedTask> ReadTimedTasks(Transaction& transaction, ProjectId project, int limit);

struct NewRanking {
  ProjectId project;
  ModelId model;
  RoundId round;
  std::string strategy;
  uint64_t seed = 0;
  uint64_t eligible = 0;        // images that the random slice was drawn from
  uint64_t random_entries = 0;  // how many it drew
};

struct NewRankingEntry {
  ImageId image;
  std::string_view slice;
  std::optional<double> score;
  std::optional<double> probability;
  bool blind = false;
};

// Adds a ranking of the next generation, in state building. An entry's position is its index.
// Requires: LockProject.
RankingId InsertRanking(Transaction& transaction, const NewRanking& ranking,
                        const std::vector<NewRankingEntry>& entries);

// None: the round has made no ranking yet.
RankingId FindRankingOfRound(Transaction& transaction, RoundId round);

// The latest ranking made from a model's predictions. None: there is none.
RankingId FindRankingOfModel(Transaction& transaction, ModelId model);

// Retires the active ranking and makes this one active. Requires: LockProject. Idempotent.
void SwitchRanking(Transaction& transaction, ProjectId project, RankingId ranking);

struct ActiveRanking {
  RankingId id;
  uint32_t generation = 0;
  uint64_t seed = 0;
};

// nullopt: no ranking is active.
std::optional<ActiveRanking> FindActiveRanking(Transaction& transaction, ProjectId project);

// A place of the active ranking from which its entries are read.
struct QueueStart {
  RankingId ranking;
  uint64_t position = 0;
  uint32_t generation = 0;
  uint32_t model = 0;  // number; 0: none
  google::protobuf::Timestamp active_since;
  bool has_more = false;  // it has entries that are `walked` or more positions behind
};

// At position `from`, or at the first open entry if that is later. nullopt: no ranking is active.
std::optional<QueueStart> FindQueueStart(Transaction& transaction, ProjectId project, uint64_t from,
                                         uint64_t walked);

struct QueueFilter {
  v1::Slice slice = v1::SLICE_UNSPECIFIED;  // unspecified: any
  std::optional<uint32_t> label;            // that the ranking's model predicts in the image
  bool unanswered = false;
};

// Entries of usable images among the `walked` positions from the start on, in order, at most `limit`.
std::vector<v1::QueueEntry> ReadQueue(Transaction& transaction, const QueueStart& start, uint64_t walked,
                                      const QueueFilter& filter, int limit);

// Adds counts by slice, of images that nobody has answered, among the `walked` positions from the start on.
void AddSliceCounts(Transaction& transaction, const QueueStart& start, uint64_t walked,
                    v1::QueueSummary& summary);

// Adds open requests that can be served: how many of `counted` there are, and the first `listed`.
void AddRequests(Transaction& transaction, ProjectId project, int counted, int listed,
                 v1::QueueSummary& summary);

// Adds the images that people hold: `listed` of them, and how many there are.
void AddHeldImages(Transaction& transaction, ProjectId project, int listed, v1::QueueSummary& summary);

// Moves the cursor of each active ranking past answered entries, so that a claim starts near the head.
// Idempotent.
void AdvanceFirstOpen(Transaction& transaction);

struct RankingEnd {
  uint64_t next_position = 0;
  uint64_t holdout_waiting = 0;  // entries of the holdout that are not answered
};

// Locks: the ranking against other appends, until the transaction ends.
RankingEnd LockRankingEnd(Transaction& transaction, RankingId ranking);

// Unlabelled images of one side that are not in the ranking; the holdout's in the order in which they are to
// be labelled.
std::vector<ImageId> ReadUnranked(Transaction& transaction, ProjectId project, RankingId ranking,
                                  v1::Side side);

// Adds entries from position `end.next_position` on. eligible: how many images they were drawn from.
// Requires: LockRankingEnd.
void AppendEntries(Transaction& transaction, RankingId ranking, const RankingEnd& end, uint64_t eligible,
                   const std::vector<NewRankingEntry>& entries);

}  // namespace loupe
