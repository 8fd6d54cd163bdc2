// Maps the exceptions of libpqxx to statuses.
#pragma once

#include "absl/status/status.h"

namespace loupe {

// What to do after a transaction threw.
enum class Recovery {
  kGiveUp,
  kRunAgain,           // serialisation failure, deadlock
  kReconnectRunAgain,  // the connection broke: nothing was committed, or the outcome is unknown
};

struct SqlFailure {
  absl::Status status;
  Recovery recovery = Recovery::kGiveUp;
};

// DEADLINE_EXCEEDED: the database did not answer in time.
absl::Status NoAnswer();

// Requires: called in a catch block. `connection_open`: whether the connection is still open.
// The status holds nothing about SQL, since clients see it. The details are logged under `name`.
SqlFailure DescribeCurrentException(const char* name, bool connection_open);

}  // namespace loupe
