#include "server/reviewers/reviewer_watch.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "db/reviewers/reviewer_tasks.h"
#include "db/reviewers/reviewer_watch_store.h"
#include "db/stores/task_store.h"
#include "server/reviewers/reviewer_windows.h"

namespace loupe {
namespace {

constexpr absl::Duration kPeriod = absl::Seconds(10);
constexpr absl::Duration kDeadline = absl::Seconds(30);
// Of the answers in a window, those that somebody else is to review: one in five.
constexpr size_t kReviewed = quality::kWindow / 5;
// Whoever reviews sees it, and needn't know whose answer it is.
constexpr char kReviewReason[] = "a second look at an answer that may hold an error";

const char* TextOf(quality::AlarmKind kind) {
  switch (kind) {
    case quality::AlarmKind::kPlantedErrorsKept:
      return "errors that were planted among the shown boxes were left in";
    case quality::AlarmKind::kMissesWhenShown:
      return "more is missing where boxes are shown than where they aren't";
    case quality::AlarmKind::kNotLookedAt:
      return "the answers came too quickly to have looked at each box";
    case quality::AlarmKind::kAcceptsTooMuch:
      return "boxes were accepted that blind answers don't have";
  }
  return "";
}

// How many answers.
size_t QueueReviews(Transaction& transaction, ProjectId project, PrincipalId principal) {
  const std::vector<ImageId> doubtful = FindDoubtfulAnswers(transaction, project, principal, kReviewed);
  const auto asked =
      RequestTasks(transaction, project, doubtful, v1::REVIEW, PrincipalId(), kReviewReason, principal);
  return static_cast<size_t>(
      std::count_if(asked.begin(), asked.end(), [](const auto& image) { return image.problem.empty(); }));
}

void Raise(Transaction& transaction, const CheckedProject& project, const Reviewer& reviewer) {
  size_t reviews = QueueReviews(transaction, project.id, reviewer.principal);
  spdlog::warn("{} alarms about {} in project {}: {} answers are to be reviewed", reviewer.alarms.size(),
               reviewer.name, project.id.value(), reviews);
  for (const quality::Alarm& alarm : reviewer.alarms) {
    v1::ReviewerAlarm message = AlarmMessage(alarm);
    message.set_reviews(static_cast<uint32_t>(reviews));
    AddAlarm(transaction, project.id, reviewer.principal, message);
    reviews = 0;  // they count once
  }
  // Who is paused by an engineer stays so, for that reason.
  if (!project.pause_on_alarm || FindPause(transaction, project.id, reviewer.principal).has_value()) return;
  const std::string reason = absl::StrCat("in your last answers, ", TextOf(reviewer.alarms.front().kind),
                                          "; talk to an engineer of the project");
  PauseReviewer(transaction, project.id, reviewer.principal, reason, PrincipalId());
}

void Judge(Transaction& transaction, const CheckedProject& project) {
  std::vector<DueReviewer> due =
      FindDueReviewers(transaction, project.id, quality::kLeastPlanted, quality::kWindow);
  std::erase_if(due, [&](const DueReviewer& one) { return !MarkJudged(transaction, project.id, one); });
  if (due.empty()) return;
  for (const Reviewer& reviewer : ReadReviewers(transaction, project.id)) {
    const bool is_due = std::any_of(
        due.begin(), due.end(), [&](const DueReviewer& one) { return one.principal == reviewer.principal; });
    if (is_due && !reviewer.alarms.empty()) Raise(transaction, project, reviewer);
  }
}

// Transact has logged what fails. It is tried again in the next period.
bool LookOnce(Database& database) {
  const auto projects =
      database.Transact({"ListCheckedProjects", absl::Now() + kDeadline}, [](Transaction& transaction) {
        return absl::StatusOr<std::vector<CheckedProject>>(ListCheckedProjects(transaction));
      });
  if (!projects.ok()) return false;
  for (const CheckedProject& project : *projects) {
    (void)database.Transact({"JudgeReviewers", absl::Now() + kDeadline}, [&](Transaction& transaction) {
      Judge(transaction, project);
      return absl::OkStatus();
    });
  }
  return false;
}

}  // namespace

ReviewerWatch::ReviewerWatch(Database& database)
    : steps_(kPeriod, [&database] { return LookOnce(database); }) {}

}  // namespace loupe
