#include "server/reviewers/reviewer_windows.h"

#include <map>
#include <utility>

#include "db/opinions/opinion_pairs.h"
#include "db/reviewers/reviewer_tasks.h"
#include "server/quality/planted_error.h"

namespace loupe {
namespace {

using quality::SlicedAnswer;

// Those of the last window, of every reviewer in turn.
std::vector<ReviewerTask> LastTasks(Transaction& transaction, ProjectId project) {
  std::vector<ReviewerTask> last;
  PrincipalId principal;
  uint32_t assisted = 0;
  for (ReviewerTask& task : ReadReviewerTasks(transaction, project)) {
    if (principal != task.principal) assisted = 0;
    principal = task.principal;
    assisted += task.assisted ? 1 : 0;
    if (assisted <= quality::kWindow) last.push_back(std::move(task));
  }
  return last;
}

// Of each task of the random slice.
std::map<int64_t, SlicedAnswer> SlicedAnswers(Transaction& transaction, ProjectId project,
                                              const std::vector<ReviewerTask>& tasks) {
  std::vector<TaskId> sliced;
  std::vector<int64_t> revisions;
  for (const ReviewerTask& task : tasks) {
    if (!task.sliced) continue;
    sliced.push_back(task.task);
    revisions.push_back(task.revision);
  }
  auto predicted = ReadPredictedBoxes(transaction, sliced);
  auto answered = ReadComparedBoxes(transaction, project, revisions);
  std::map<int64_t, SlicedAnswer> answers;
  for (size_t i = 0; i < sliced.size(); ++i) {
    answers.emplace(sliced[i].value(),
                    quality::CompareWithPrediction(quality::AnswerOf(predicted[sliced[i].value()]),
                                                   quality::AnswerOf(answered[revisions[i]])));
  }
  return answers;
}

void AddTask(const ReviewerTask& task, const std::map<int64_t, SlicedAnswer>& sliced,
             quality::ReviewerWindow& window) {
  // What came faster than a person can react to anything (0.1 s, Welford 1980) came from a program.
  constexpr uint32_t kFastestPersonMs = 100;
  if (task.assisted && task.shown > 0 && task.spent_ms >= kFastestPersonMs) {
    constexpr double kMsPerSecond = 1000;
    window.seconds_a_box.push_back(task.spent_ms / kMsPerSecond / task.shown);
  }
  const auto found = sliced.find(task.task.value());
  if (found != sliced.end()) (task.blind ? window.blind : window.shown).push_back(found->second);
}

void AddPlanted(Transaction& transaction, ProjectId project, std::map<std::string, Reviewer>& reviewers) {
  for (const PlantedAnswer& answer : ReadPlantedAnswers(transaction, project, quality::kLeastPlanted)) {
    Reviewer& reviewer = reviewers[answer.reviewer];
    reviewer.window.planted += 1;
    if (IsCaught(answer)) reviewer.window.caught += 1;
  }
}

v1::ReviewerAlarm::Kind KindOf(quality::AlarmKind kind) {
  switch (kind) {
    case quality::AlarmKind::kPlantedErrorsKept:
      return v1::ReviewerAlarm::PLANTED_ERRORS_KEPT;
    case quality::AlarmKind::kMissesWhenShown:
      return v1::ReviewerAlarm::MISSES_WHEN_SHOWN;
    case quality::AlarmKind::kNotLookedAt:
      return v1::ReviewerAlarm::NOT_LOOKED_AT;
    case quality::AlarmKind::kAcceptsTooMuch:
      return v1::ReviewerAlarm::ACCEPTS_TOO_MUCH;
  }
  return v1::ReviewerAlarm::KIND_UNSPECIFIED;
}

}  // namespace

std::vector<Reviewer> ReadReviewers(Transaction& transaction, ProjectId project) {
  const std::vector<ReviewerTask> tasks = LastTasks(transaction, project);
  const std::map<int64_t, SlicedAnswer> sliced = SlicedAnswers(transaction, project, tasks);
  std::map<std::string, Reviewer> by_name;
  std::vector<SlicedAnswer> blind;
  for (const ReviewerTask& task : tasks) {
    Reviewer& reviewer = by_name[task.reviewer];
    reviewer.principal = task.principal;
    AddTask(task, sliced, reviewer.window);
    const auto found = sliced.find(task.task.value());
    if (task.blind && found != sliced.end()) blind.push_back(found->second);
  }
  AddPlanted(transaction, project, by_name);
  std::vector<Reviewer> reviewers;
  for (auto& [name, reviewer] : by_name) {
    reviewer.name = name;
    reviewer.window.by_all = blind;
    reviewer.alarms = quality::FindAlarms(reviewer.window);
    reviewers.push_back(std::move(reviewer));
  }
  return reviewers;
}

bool IsCaught(const PlantedAnswer& answer) {
  const quality::AnswerBox error{answer.error.corners, static_cast<int32_t>(answer.error.label)};
  return quality::IsCaught(quality::PlantedKindOf(answer.error.kind), error, quality::AnswerOf(answer.boxes));
}

v1::ReviewerAlarm AlarmMessage(const quality::Alarm& alarm) {
  v1::ReviewerAlarm message;
  message.set_kind(KindOf(alarm.kind));
  message.set_value(alarm.evidence.value);
  message.set_low(alarm.evidence.low);
  message.set_high(alarm.evidence.high);
  return message;
}

}  // namespace loupe
