// Whether the history of labels is as it was written.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "db/ids.h"

namespace loupe {

class Transaction;

// The result of checking a part of a project's history.
struct ChainCheck {
  ImageId last_image;   // the next part begins after it; none: nothing was left to check
  uint64_t images = 0;  // that have a history
  uint64_t revisions = 0;
  uint64_t boxes = 0;
  std::vector<std::string> breaks;  // one sentence per place where the history was changed
};

// Recomputes the hashes of at most `limit` images with ids above `after`, in order of id.
ChainCheck CheckChain(Transaction& transaction, ProjectId project, ImageId after, int limit);

}  // namespace loupe
