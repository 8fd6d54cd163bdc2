// The active ranking as a queue, and what is appended to it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "db/ids.h"
#include "db/stores/ranking_store.h"
#include "loupe/v1/annotation.pb.h"
#include "loupe/v1/labeling.pb.h"

namespace loupe {

class Transaction;

struct ActiveRanking {
  RankingId id;
  uint32_t generation = 0;
  uint64_t seed = 0;
};

// nullopt: none is active.
std::optional<ActiveRanking> FindActiveRanking(Transaction& transaction, ProjectId project);

// Entries of the active ranking in order from position `from`, but none before the first that is not
// answered; at most `limit`.
std::vector<v1::QueueEntry> ReadQueue(Transaction& transaction, ProjectId project, uint64_t from, int limit);

// Moves each active ranking's cursor over what is answered, so that a claim begins near the head. Idempotent.
void AdvanceFirstOpen(Transaction& transaction);

struct RankingEnd {
  uint64_t next_position = 0;
  uint64_t holdout_waiting = 0;  // entries of the holdout that are not answered
};

// Locks: the ranking against other appends, until the transaction ends.
RankingEnd LockRankingEnd(Transaction& transaction, RankingId ranking);

// Unlabelled images of one side that the ranking doesn't hold; the holdout's in the order it is labelled in.
std::vector<ImageId> ReadUnranked(Transaction& transaction, ProjectId project, RankingId ranking,
                                  v1::Side side);

// Adds entries at `end.next_position` and on. `eligible`: how many images they were drawn from.
// Requires: LockRankingEnd.
void AppendEntries(Transaction& transaction, RankingId ranking, const RankingEnd& end, uint64_t eligible,
                   const std::vector<NewRankingEntry>& entries);

}  // namespace loupe
