// The one mapping of what libpqxx throws to a status.
#pragma once

#include "absl/status/status.h"

namespace loupe {

// What to do with a transaction that threw.
enum class Recovery {
  kGiveUp,
  kRunAgain,           // serialisation failure, deadlock
  kReconnectRunAgain,  // the connection broke; nothing was committed, or nobody knows whether it was
};

struct SqlFailure {
  absl::Status status;
  Recovery recovery = Recovery::kGiveUp;
};

// Requires: called in a catch block. `connection_open`: whether the connection still stands.
// The status says nothing of SQL to the client: the details go to the log, under `name`.
SqlFailure DescribeCurrentException(const char* name, bool connection_open);

}  // namespace loupe
