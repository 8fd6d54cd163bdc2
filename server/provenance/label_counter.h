// Keeps the sums over labels, from which GetLabelStats is answered, close to what was written.
#pragma once

#include "db/database.h"
#include "server/rpc/repeated_step.h"

namespace loupe {

class LabelCounter {
 public:
  // Starts a thread that works every few seconds, beginning now. `database` must outlive it. Several
  // coordinators may each run one: each passes when another is at it.
  explicit LabelCounter(Database& database);

 private:
  RepeatedStep steps_;
};

}  // namespace loupe
