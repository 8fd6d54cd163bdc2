// Whether the history of labels is as it was written.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "content/sha256.h"
#include "db/ids.h"

namespace loupe {

class Transaction;

// What a checkpoint holds of an image.
struct ImageHistory {
  ImageId image;
  Sha256 sha256 = {};
  std::string side;
  bool removed = false;
  // In order of number: the hash as stored. From a revision of an older version on: a hash of that, of what
  // the older version leaves out, and of the entry before.
  std::vector<Sha256> revisions;
  std::vector<Sha256> tasks;  // hashes of what was served and shown, in order of id
  // Of tasks that were skipped or released, and so stay as they are: how they ended, by id.
  std::map<int64_t, Sha256> ended_tasks;
};

// The result of checking a part of a project's history.
struct ChainCheck {
  ImageId last_image;   // the next part begins after it; none: nothing was left to check
  uint64_t images = 0;  // that have a history
  uint64_t revisions = 0;
  uint64_t boxes = 0;
  std::vector<std::string> breaks;      // one sentence per place where the history was changed
  std::vector<ImageHistory> histories;  // in order of id, also of images without labels
};

// Recomputes the hashes of at most `limit` images with ids above `after`, in order of id.
// Requires: the transaction reads one snapshot of the database.
ChainCheck CheckChain(Transaction& transaction, ProjectId project, ImageId after, int limit);

// What a checkpoint holds besides images: one line for each author, snapshot, model and trigger that guards
// the history. Text of a line: its kind, what is unique among its kind, and what must stay as it is.
struct ProjectRecords {
  std::vector<std::string> lines;
  std::vector<std::string> breaks;  // a snapshot that was changed, a trigger that is off
};
ProjectRecords ReadProjectRecords(Transaction& transaction, ProjectId project);

}  // namespace loupe
