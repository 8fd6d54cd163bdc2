// Likely errors in labels: what a round found, and what became of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "db/ids.h"
#include "loupe/v1/annotation.pb.h"
#include "loupe/v1/insight.pb.h"

namespace loupe {

class Transaction;

// Of labels in the round's snapshot. Errors in images that can't be used any more are left out, and those
// that somebody was shown before and kept. Returns how many there are that name an image or a box which isn't
// of the snapshot: then nothing may be kept of them. Requires: the round's lock.
uint64_t InsertLabelErrors(Transaction& transaction, RoundId round, SnapshotId snapshot,
                           const std::vector<v1::LabelError>& errors);

// Those that the last round found that searched, in the truths of now, the likeliest first: at most `limit`
// after the one with the id `after`; 0: from the first.
std::vector<v1::ListedLabelError> ReadLabelErrors(Transaction& transaction, ProjectId project, int64_t after,
                                                  int limit);

// round: the last that searched; 0: none did. total, mended, kept: of its errors.
v1::ListLabelErrorsResponse CountLabelErrors(Transaction& transaction, ProjectId project);

// Images with errors that this round found and that nobody has decided: at most `limit`, those with the
// likeliest first. Images of which somebody is asked already are left out.
std::vector<ImageId> FindImagesWithErrors(Transaction& transaction, RoundId round, uint32_t limit);

// Open errors in the truths that these tasks correct, the likeliest first.
struct ErrorOfTask {
  TaskId task;
  v1::LabelError error;
};
std::vector<ErrorOfTask> ReadErrorsOfTasks(Transaction& transaction, const std::vector<TaskId>& tasks);

// What the new truth made of them.
void DecideLabelErrors(Transaction& transaction, const std::vector<int64_t>& errors,
                       const std::vector<bool>& mended);

}  // namespace loupe
