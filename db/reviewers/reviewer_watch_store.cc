#include "db/reviewers/reviewer_watch_store.h"

#include "absl/strings/ascii.h"
#include "db/reviewers/reviewer_tasks.h"
#include "db/rows/message_row.h"
#include "db/transaction.h"

namespace loupe {
namespace {

std::string KindName(v1::ReviewerAlarm::Kind kind) {
  return absl::AsciiStrToLower(v1::ReviewerAlarm::Kind_Name(kind));
}

v1::ReviewerAlarm::Kind KindOf(const std::string& name) {
  v1::ReviewerAlarm::Kind kind = v1::ReviewerAlarm::KIND_UNSPECIFIED;
  (void)v1::ReviewerAlarm::Kind_Parse(absl::AsciiStrToUpper(name), &kind);
  return kind;
}

}  // namespace

std::vector<CheckedProject> ListCheckedProjects(Transaction& transaction) {
  std::vector<CheckedProject> projects;
  for (const auto& row : transaction.Exec("SelectCheckedProjects")) {
    projects.push_back({IdOf<ProjectId>(row["id"]), row["pause_on_alarm"].as<bool>()});
  }
  return projects;
}

std::vector<DueReviewer> FindDueReviewers(Transaction& transaction, ProjectId project, uint32_t planted,
                                          uint32_t assisted) {
  std::vector<DueReviewer> due;
  for (const auto& row :
       transaction.Exec("SelectDueReviewers", project, planted, assisted, kAnswersLookedAt)) {
    due.push_back({IdOf<PrincipalId>(row["id"]), IdOf<RevisionId>(row["revision_id"])});
  }
  return due;
}

bool MarkJudged(Transaction& transaction, ProjectId project, const DueReviewer& reviewer) {
  return !transaction.Exec("JudgeReviewer", project, reviewer.principal, reviewer.newest).empty();
}

void AddAlarm(Transaction& transaction, ProjectId project, PrincipalId principal,
              const v1::ReviewerAlarm& alarm) {
  transaction.Exec("InsertReviewerAlarm", project, principal, KindName(alarm.kind()), alarm.value(),
                   alarm.low(), alarm.high(), alarm.reviews());
}

std::vector<RaisedAlarm> ReadAlarms(Transaction& transaction, ProjectId project) {
  std::vector<RaisedAlarm> alarms;
  for (const auto& row : transaction.Exec("SelectReviewerAlarms", project)) {
    RaisedAlarm& raised = alarms.emplace_back();
    raised.reviewer = row["reviewer"].as<std::string>();
    raised.alarm.set_kind(KindOf(row["kind"].as<std::string>()));
    raised.alarm.set_value(row["value"].as<double>());
    raised.alarm.set_low(row["low"].as<double>());
    raised.alarm.set_high(row["high"].as<double>());
    raised.alarm.set_reviews(row["reviews"].as<uint32_t>());
    *raised.alarm.mutable_raised_at() = TimestampOf(row["raised_at"]);
  }
  return alarms;
}

void PauseReviewer(Transaction& transaction, ProjectId project, PrincipalId principal,
                   const std::string& reason, PrincipalId by) {
  transaction.Exec("PauseReviewer", project, principal, reason, by);
}

bool ResumeReviewer(Transaction& transaction, ProjectId project, PrincipalId principal) {
  return transaction.Exec("ResumeReviewer", project, principal).affected_rows() > 0;
}

std::optional<std::string> FindPause(Transaction& transaction, ProjectId project, PrincipalId principal) {
  const pqxx::result rows = transaction.Exec("FindPause", project, principal);
  if (rows.empty()) return std::nullopt;
  return rows[0]["reason"].as<std::string>();
}

std::vector<PausedReviewer> ReadPauses(Transaction& transaction, ProjectId project) {
  std::vector<PausedReviewer> pauses;
  for (const auto& row : transaction.Exec("SelectPauses", project)) {
    PausedReviewer& paused = pauses.emplace_back();
    paused.reviewer = row["reviewer"].as<std::string>();
    paused.pause.set_reason(row["reason"].as<std::string>());
    paused.pause.set_paused_by(row["paused_by"].as<std::string>());
    *paused.pause.mutable_paused_at() = TimestampOf(row["paused_at"]);
  }
  return pauses;
}

}  // namespace loupe
