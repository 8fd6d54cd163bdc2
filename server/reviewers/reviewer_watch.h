// Lets alarms about reviewers take effect.
#pragma once

#include "db/database.h"
#include "server/rpc/repeated_step.h"

namespace loupe {

// Looks for people who have answered a whole window of tasks since they were judged, in the projects whose
// labels are controlled. Where an alarm speaks against one of them, somebody else is asked to review that
// person's doubtful answers, and the project may pause the person.
class ReviewerWatch {
 public:
  // Starts a thread that works every ten seconds, beginning now. `database` must outlive it. Several
  // coordinators may each run one: a window is judged once.
  explicit ReviewerWatch(Database& database);

 private:
  RepeatedStep steps_;
};

}  // namespace loupe
