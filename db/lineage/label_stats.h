// Counts of labels.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "db/ids.h"
#include "loupe/v1/provenance.pb.h"

namespace loupe {

class Transaction;

// Which labels, and over which periods they are counted.
struct LabelSpan {
  std::optional<absl::Time> from;  // 00:00 UTC
  std::optional<absl::Time> to;    // 00:00 UTC; not included
  v1::Period period = v1::DAY;
};

// Of what is committed: nothing that was written is missing.
v1::LabelStats ReadLabelStats(Transaction& transaction, ProjectId project, const LabelSpan& span);

// Adds up to `most` revisions, of all projects, to the sums that ReadLabelStats begins with. Returns whether
// more can be added at once. Does nothing while another coordinator does it.
// Requires: a transaction with kRepeatableRead.
bool AddToLabelCounts(Transaction& transaction, int64_t most);

}  // namespace loupe
