// Rankings that rounds make: written whole beside the active one, then switched to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "db/ids.h"

namespace loupe {

class Transaction;

// Unlabelled images of the pool with ids above `after`, in order, at most `limit`.
std::vector<ImageId> ReadEligibleImages(Transaction& transaction, ProjectId project, ImageId after,
                                        int limit);

// Unlabelled images of the holdout in the order in which they are to be labelled, at most `limit`.
std::vector<ImageId> ReadHoldoutQueue(Transaction& transaction, ProjectId project, uint64_t limit);

// Labelled blind.
uint64_t CountHoldoutLabelled(Transaction& transaction, ProjectId project);

// [classes] people's boxes in the pool's truth, in order of label.
std::vector<int64_t> CountBoxesByClass(Transaction& transaction, ProjectId project);

struct TimedTask {
  double seconds = 0;
  int boxes = 0;  // in the answer, without regions to ignore
};

// The latest `limit` tasks that people have answered, of those whose time is known. Below 0.2 s it was no
// person.
std::vector<TimedTask> ReadTimedTasks(Transaction& transaction, ProjectId project, int limit);

struct NewRanking {
  ProjectId project;
  ModelId model;
  RoundId round;
  std::string strategy;
  uint64_t seed = 0;
  uint64_t eligible = 0;  // images that the random slice was drawn from
};

struct NewRankingEntry {
  ImageId image;
  std::string_view slice;
  std::optional<double> score;
  std::optional<double> probability;
  bool blind = false;
};

// A building ranking of the next generation; an entry's position is its index. Requires: LockProject.
RankingId InsertRanking(Transaction& transaction, const NewRanking& ranking,
                        const std::vector<NewRankingEntry>& entries);

// None: the round made none yet.
RankingId FindRankingOfRound(Transaction& transaction, RoundId round);

// The latest that was made from a model's predictions. None: there is none.
RankingId FindRankingOfModel(Transaction& transaction, ModelId model);

// Retires the active ranking and makes this one active. Requires: LockProject. Idempotent.
void SwitchRanking(Transaction& transaction, ProjectId project, RankingId ranking);

}  // namespace loupe
