#include "server/insight/label_quality.h"

#include <array>
#include <map>
#include <utility>

#include "db/stores/project_store.h"
#include "server/quality/agreement.h"
#include "server/quality/consensus.h"

namespace loupe {
namespace {

using quality::Answer;
using quality::AnswerPair;

constexpr double kLevel = 0.95;

v1::Agreement MessageOf(const quality::Agreement& agreement, const std::vector<v1::Class>& classes) {
  v1::Agreement message;
  message.set_images(agreement.images);
  message.set_things(agreement.things);
  if (agreement.mean_iou.has_value()) message.set_mean_iou(*agreement.mean_iou);
  if (agreement.alpha.has_value()) {
    message.set_alpha(agreement.alpha->value);
    message.set_alpha_low(agreement.alpha->low);
    message.set_alpha_high(agreement.alpha->high);
  }
  for (const v1::Class& known : classes) {
    if (known.retired()) continue;
    const quality::ClassAgreement& of_class = agreement.classes[known.label() - 1];
    v1::ClassAgreement& added = *message.add_classes();
    added.set_label(known.label());
    added.set_both(of_class.both);
    added.set_first_only(of_class.first_only);
    added.set_second_only(of_class.second_only);
    added.set_other_class(of_class.other_class);
  }
  return message;
}

// Everybody's votes on what each thing is; 0: nothing. `numbers`: of the reviewers.
std::vector<std::vector<quality::Vote>> VotesOf(const std::vector<AnswerPair>& answers,
                                                const std::vector<OpinionPair>& pairs,
                                                const std::map<std::string, int32_t>& numbers) {
  std::vector<std::vector<quality::Vote>> votes;
  for (size_t i = 0; i < pairs.size(); ++i) {
    const int32_t first = numbers.at(pairs[i].first_author), second = numbers.at(pairs[i].second_author);
    const auto label = [](const Answer& answer, int32_t place) {
      return place == quality::kNoBox ? 0 : answer[static_cast<size_t>(place)].label;
    };
    for (const quality::Thing& thing :
         quality::MatchAnswers(std::array{answers[i].first, answers[i].second})) {
      votes.push_back(
          {{first, label(answers[i].first, thing[0])}, {second, label(answers[i].second, thing[1])}});
    }
  }
  return votes;
}

void AddAgreement(const LabelQualityInput& input, std::map<std::string, v1::ReviewerQuality>& reviewers,
                  v1::LabelQuality& report) {
  const auto class_count = static_cast<int>(input.classes.size());
  std::vector<AnswerPair> answers;
  std::map<std::string, std::vector<AnswerPair>> by_reviewer;
  for (const OpinionPair& pair : input.pairs) {
    const AnswerPair& added =
        answers.emplace_back(AnswerPair{quality::AnswerOf(pair.first), quality::AnswerOf(pair.second)});
    by_reviewer[pair.first_author].push_back(added);
    by_reviewer[pair.second_author].push_back({added.second, added.first});
  }
  std::map<std::string, int32_t> numbers;
  for (const auto& item : by_reviewer) numbers.emplace(item.first, static_cast<int32_t>(numbers.size()));
  const quality::Consensus consensus = quality::FindConsensus(
      VotesOf(answers, input.pairs, numbers), static_cast<int>(numbers.size()), class_count + 1);
  *report.mutable_all() = MessageOf(quality::MeasureAgreement(answers, class_count), input.classes);
  for (const auto& [name, of_reviewer] : by_reviewer) {
    v1::ReviewerQuality& reviewer = reviewers[name];
    *reviewer.mutable_agreement() =
        MessageOf(quality::MeasureAgreement(of_reviewer, class_count), input.classes);
    reviewer.set_accuracy(consensus.accuracies[static_cast<size_t>(numbers.at(name))]);
  }
}

void SetFigure(const quality::Interval& interval, v1::IntervalFigure& figure) {
  figure.set_value(interval.value);
  figure.set_low(interval.low);
  figure.set_high(interval.high);
}

// What the last window says.
void AddWindow(const Reviewer& reviewer, v1::ReviewerQuality& message) {
  const quality::ReviewerWindow& window = reviewer.window;
  message.set_planted(window.planted);
  message.set_caught(window.caught);
  message.set_shown_images(window.shown.size());
  message.set_blind_images(window.blind.size());
  message.set_timed_answers(window.seconds_a_box.size());
  if (const auto seconds = quality::MedianSeconds(window.seconds_a_box, kLevel); seconds.has_value())
    SetFigure(*seconds, *message.mutable_seconds_a_box());
  if (const auto compared = quality::CompareShownAndBlind(window.shown, window.blind, kLevel)) {
    v1::ShownAgainstBlind& figures = *message.mutable_shown_against_blind();
    figures.set_shown_images(compared->shown_images);
    figures.set_blind_images(compared->blind_images);
    SetFigure(compared->misses, *figures.mutable_misses());
    if (compared->kept.has_value()) SetFigure(*compared->kept, *figures.mutable_kept());
    if (compared->placement.has_value()) SetFigure(*compared->placement, *figures.mutable_placement());
  }
  for (const quality::Alarm& alarm : reviewer.alarms) *message.add_alarms() = AlarmMessage(alarm);
}

}  // namespace

absl::StatusOr<LabelQualityInput> ReadLabelQualityInput(Transaction& transaction,
                                                        const std::string& project_name) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, project_name);
  if (!project.ok()) return project.status();
  LabelQualityInput input;
  input.waiting = CountWaitingForOpinion(transaction, *project);
  input.classes = ReadClasses(transaction, *project);
  input.pairs = ReadOpinionPairs(transaction, *project);
  input.reviewers = ReadReviewers(transaction, *project);
  input.alarms = ReadAlarms(transaction, *project);
  input.pauses = ReadPauses(transaction, *project);
  return input;
}

v1::LabelQuality MakeLabelQuality(const LabelQualityInput& input) {
  v1::LabelQuality report;
  report.set_waiting_images(input.waiting);
  std::map<std::string, v1::ReviewerQuality> reviewers;
  if (!input.pairs.empty()) AddAgreement(input, reviewers, report);
  for (const Reviewer& reviewer : input.reviewers) AddWindow(reviewer, reviewers[reviewer.name]);
  for (const RaisedAlarm& raised : input.alarms) *reviewers[raised.reviewer].add_past_alarms() = raised.alarm;
  for (const PausedReviewer& paused : input.pauses)
    *reviewers[paused.reviewer].mutable_pause() = paused.pause;
  for (auto& [name, reviewer] : reviewers) {
    reviewer.set_reviewer(name);
    *report.add_reviewers() = std::move(reviewer);
  }
  return report;
}

}  // namespace loupe
