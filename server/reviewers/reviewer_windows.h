// What people did last, as the alarms judge it.
#pragma once

#include <string>
#include <vector>

#include "db/ids.h"
#include "db/planted/planted_tasks.h"
#include "loupe/v1/insight.pb.h"
#include "server/quality/reviewer_alarms.h"

namespace loupe {

class Transaction;

struct Reviewer {
  PrincipalId principal;
  std::string name;
  quality::ReviewerWindow window;
  std::vector<quality::Alarm> alarms;
};

// Of everybody who has answered a task of the ranking or a planted one, by name.
std::vector<Reviewer> ReadReviewers(Transaction& transaction, ProjectId project);

// Whether the answer is without the planted error.
bool IsCaught(const PlantedAnswer& answer);

v1::ReviewerAlarm AlarmMessage(const quality::Alarm& alarm);

}  // namespace loupe
