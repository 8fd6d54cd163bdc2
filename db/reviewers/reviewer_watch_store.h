// Whose work is due to be judged, the alarms that took effect, and who is paused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "db/ids.h"
#include "loupe/v1/insight.pb.h"

namespace loupe {

class Transaction;

struct CheckedProject {
  ProjectId id;
  bool pause_on_alarm = false;
};

// Projects whose labels are controlled: errors are planted there, or second opinions asked for.
std::vector<CheckedProject> ListCheckedProjects(Transaction& transaction);

struct DueReviewer {
  PrincipalId principal;
  RevisionId newest;  // of the person's answers
};

// People with a whole window of answers since they were judged: so many planted tasks, or assisted ones.
std::vector<DueReviewer> FindDueReviewers(Transaction& transaction, ProjectId project, uint32_t planted,
                                          uint32_t assisted);

// Marks the work up to there as judged. False: it was judged before. Locks: this person's mark.
bool MarkJudged(Transaction& transaction, ProjectId project, const DueReviewer& reviewer);

struct RaisedAlarm {
  std::string reviewer;
  v1::ReviewerAlarm alarm;
};

// `alarm`: without raised_at.
void AddAlarm(Transaction& transaction, ProjectId project, PrincipalId principal,
              const v1::ReviewerAlarm& alarm);

// In order of the reviewer's name, of each the last ten, the newest first.
std::vector<RaisedAlarm> ReadAlarms(Transaction& transaction, ProjectId project);

// by: none: an alarm did it. A person who is paused stays so, with the new reason.
void PauseReviewer(Transaction& transaction, ProjectId project, PrincipalId principal,
                   const std::string& reason, PrincipalId by);

// False: the person wasn't paused.
bool ResumeReviewer(Transaction& transaction, ProjectId project, PrincipalId principal);

// Why the person gets no tasks; nullopt: the person does.
std::optional<std::string> FindPause(Transaction& transaction, ProjectId project, PrincipalId principal);

struct PausedReviewer {
  std::string reviewer;
  v1::ReviewerPause pause;
};

// In order of the reviewer's name.
std::vector<PausedReviewer> ReadPauses(Transaction& transaction, ProjectId project);

}  // namespace loupe
