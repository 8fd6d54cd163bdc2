// loupe provenance stats
#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"
#include "absl/time/time.h"
#include "client/cli/commands.h"
#include "client/cli/message_json.h"
#include "client/cli/option_check.h"
#include "loupe/v1/provenance.grpc.pb.h"

namespace loupe {
namespace {

struct StatsOptions {
  std::string from;
  std::string to;
  std::string by = "day";
  bool json = false;
};

// 00:00 UTC of a day, and of the one `later` days later. Errors: usage error.
absl::Status ReadDay(const char* option, const std::string& text, int later,
                     google::protobuf::Timestamp& time) {
  absl::CivilDay day;
  if (!absl::ParseCivilTime(text, &day)) {
    return UsageError(absl::StrCat(option, " ", text, " is no day: use 2026-11-29"));
  }
  time.set_seconds(absl::ToUnixSeconds(absl::FromCivil(day + later, absl::UTCTimeZone())));
  return absl::OkStatus();
}

template <typename Counts>
uint64_t BoxesOf(const Counts& counts) {
  uint64_t boxes = 0;
  for (const auto& count : counts) boxes += count.boxes();
  return boxes;
}

uint64_t AnswersOf(const v1::LabelSums& sums) { return sums.blind_answers() + sums.shown_answers(); }

std::string HoursText(uint64_t spent_ms) {
  return absl::StrFormat("%.1f", static_cast<double>(spent_ms) / 3.6e6);
}

// The boxes of one origin or outcome. `kind` reads it from a count.
template <typename Counts, typename Kind, typename KindOf>
uint64_t BoxesOfKind(const Counts& counts, Kind kind, KindOf kind_of) {
  for (const auto& count : counts) {
    if (kind_of(count) == kind) return count.boxes();
  }
  return 0;
}

v1::Origin OriginOfCount(const v1::OriginCount& count) { return count.origin(); }
v1::Outcome OutcomeOfCount(const v1::OutcomeCount& count) { return count.outcome(); }

// The origins or outcomes that there are, in the protocol's order.
template <typename Kind, typename Counts, typename KindOf>
std::vector<Kind> KindsOf(const Counts& counts, KindOf kind_of) {
  std::vector<Kind> kinds;
  for (const auto& count : counts) kinds.push_back(kind_of(count));
  std::sort(kinds.begin(), kinds.end());
  return kinds;
}

using NamedCounts = std::vector<std::pair<std::string, const v1::LabelCounts*>>;

void PrintTotal(const v1::LabelCounts& total) {
  Table table({"", "written", "truth now"});
  const auto add = [&table](const std::string& what, const auto& number) {
    table.Add({what, number.first, number.second});
  };
  const v1::LabelSums& written = total.written();
  const v1::LabelSums& truth = total.truth();
  const auto pair = [](uint64_t first, uint64_t second) {
    return std::pair(absl::StrCat(first), absl::StrCat(second));
  };
  add("blind answers", pair(written.blind_answers(), truth.blind_answers()));
  add("other answers", pair(written.shown_answers(), truth.shown_answers()));
  add("imported labels", pair(written.imports(), truth.imports()));
  add("hours spent", std::pair(HoursText(written.spent_ms()), HoursText(truth.spent_ms())));
  add("boxes", pair(BoxesOf(written.origins()), BoxesOf(truth.origins())));
  for (const v1::Origin origin : KindsOf<v1::Origin>(written.origins(), OriginOfCount)) {
    add(absl::StrCat("  ", OriginName(origin)), pair(BoxesOfKind(written.origins(), origin, OriginOfCount),
                                                     BoxesOfKind(truth.origins(), origin, OriginOfCount)));
  }
  add("predicted boxes shown", pair(BoxesOf(written.outcomes()), BoxesOf(truth.outcomes())));
  for (const v1::Outcome outcome : KindsOf<v1::Outcome>(written.outcomes(), OutcomeOfCount)) {
    add(absl::StrCat("  ", OutcomeName(outcome)),
        pair(BoxesOfKind(written.outcomes(), outcome, OutcomeOfCount),
             BoxesOfKind(truth.outcomes(), outcome, OutcomeOfCount)));
  }
  table.Print();
}

// What was written, with the columns of what there is in `total`.
void PrintCounts(const std::string& heading, const NamedCounts& rows, const v1::LabelSums& total) {
  const auto origins = KindsOf<v1::Origin>(total.origins(), OriginOfCount);
  const auto outcomes = KindsOf<v1::Outcome>(total.outcomes(), OutcomeOfCount);
  std::vector<std::string> header = {heading, "answers", "blind", "imported", "hours", "boxes", "truth now"};
  for (const v1::Origin origin : origins) header.push_back(OriginName(origin));
  Table boxes(header);
  header = {heading};
  for (const v1::Outcome outcome : outcomes) header.push_back(OutcomeName(outcome));
  Table shown(header);
  for (const auto& [name, counts] : rows) {
    const v1::LabelSums& written = counts->written();
    std::vector<std::string> row = {name,
                                    absl::StrCat(AnswersOf(written)),
                                    absl::StrCat(written.blind_answers()),
                                    absl::StrCat(written.imports()),
                                    HoursText(written.spent_ms()),
                                    absl::StrCat(BoxesOf(written.origins())),
                                    absl::StrCat(BoxesOf(counts->truth().origins()))};
    for (const v1::Origin origin : origins) {
      row.push_back(absl::StrCat(BoxesOfKind(written.origins(), origin, OriginOfCount)));
    }
    boxes.Add(std::move(row));
    if (written.outcomes().empty()) continue;
    row = {name};
    for (const v1::Outcome outcome : outcomes) {
      row.push_back(absl::StrCat(BoxesOfKind(written.outcomes(), outcome, OutcomeOfCount)));
    }
    shown.Add(std::move(row));
  }
  std::printf("\n");
  boxes.Print();
  if (outcomes.empty()) return;
  std::printf("\nwhat became of predicted boxes that were shown\n");
  shown.Print();
}

void PrintClasses(const v1::LabelStats& stats, const ClassNames& classes) {
  const auto origins = KindsOf<v1::Origin>(stats.total().written().origins(), OriginOfCount);
  std::vector<std::string> header = {"class", "boxes", "truth now"};
  for (const v1::Origin origin : origins) header.push_back(OriginName(origin));
  Table table(header);
  for (const v1::ClassStats& one : stats.classes()) {
    std::vector<std::string> row = {classes.Name(one.label()), absl::StrCat(BoxesOf(one.written())),
                                    absl::StrCat(BoxesOf(one.truth()))};
    for (const v1::Origin origin : origins) {
      row.push_back(absl::StrCat(BoxesOfKind(one.written(), origin, OriginOfCount)));
    }
    table.Add(std::move(row));
  }
  std::printf("\n");
  table.Print();
}

void PrintStats(const v1::LabelStats& stats, const std::string& by, const ClassNames& classes) {
  PrintTotal(stats.total());
  const v1::LabelSums& written = stats.total().written();
  NamedCounts periods;
  for (const v1::PeriodStats& one : stats.periods()) {
    const std::string text = TimeText(one.begins());
    periods.emplace_back(by == "hour" ? text : text.substr(0, text.find('T')), &one.counts());
  }
  PrintCounts(absl::StrCat(by, " (UTC)"), periods, written);
  NamedCounts reviewers;
  for (const v1::ReviewerStats& one : stats.reviewers())
    reviewers.emplace_back(one.reviewer(), &one.counts());
  PrintCounts("reviewer", reviewers, written);
  PrintClasses(stats, classes);
}

Json OriginsJson(const google::protobuf::RepeatedPtrField<v1::OriginCount>& counts) {
  Json json = Json::object();
  for (const v1::OriginCount& count : counts) json[OriginName(count.origin())] = count.boxes();
  return json;
}

Json SumsJson(const v1::LabelSums& sums) {
  Json outcomes = Json::object();
  for (const v1::OutcomeCount& count : sums.outcomes())
    outcomes[OutcomeName(count.outcome())] = count.boxes();
  return {{"blind_answers", sums.blind_answers()},
          {"shown_answers", sums.shown_answers()},
          {"imports", sums.imports()},
          {"spent_ms", sums.spent_ms()},
          {"origins", OriginsJson(sums.origins())},
          {"outcomes", std::move(outcomes)}};
}

Json CountsJson(const v1::LabelCounts& counts) {
  return {{"written", SumsJson(counts.written())}, {"truth", SumsJson(counts.truth())}};
}

Json StatsJson(const v1::LabelStats& stats, const ClassNames& classes) {
  Json json = {{"total", CountsJson(stats.total())},
               {"periods", Json::array()},
               {"reviewers", Json::array()},
               {"classes", Json::array()}};
  for (const v1::PeriodStats& one : stats.periods()) {
    Json period = {{"begins", TimeText(one.begins())}};
    period.update(CountsJson(one.counts()));
    json["periods"].push_back(std::move(period));
  }
  for (const v1::ReviewerStats& one : stats.reviewers()) {
    Json reviewer = {{"reviewer", one.reviewer()}};
    reviewer.update(CountsJson(one.counts()));
    json["reviewers"].push_back(std::move(reviewer));
  }
  for (const v1::ClassStats& one : stats.classes()) {
    json["classes"].push_back({{"label", one.label()},
                               {"class", classes.Name(one.label())},
                               {"written", OriginsJson(one.written())},
                               {"truth", OriginsJson(one.truth())}});
  }
  return json;
}

absl::Status ShowStats(const Context& context, const StatsOptions& options) {
  v1::GetLabelStatsRequest request;
  request.set_project(context.project());
  request.set_period(options.by == "hour" ? v1::HOUR : options.by == "week" ? v1::WEEK : v1::DAY);
  if (!options.from.empty()) {
    const absl::Status read = ReadDay("--from", options.from, 0, *request.mutable_from());
    if (!read.ok()) return read;
  }
  if (!options.to.empty()) {
    const absl::Status read = ReadDay("--to", options.to, 1, *request.mutable_to());
    if (!read.ok()) return read;
  }
  const auto classes = FetchClasses(context);
  if (!classes.ok()) return classes.status();
  const auto stats = Ask(context, &v1::ProvenanceService::Stub::GetLabelStats, request);
  if (!stats.ok()) return stats.status();
  options.json ? PrintJson(StatsJson(*stats, *classes)) : PrintStats(*stats, options.by, *classes);
  return absl::OkStatus();
}

}  // namespace

void AddStatsCommand(CLI::App& provenance, Action& action) {
  auto stats = std::make_shared<StatsOptions>();
  CLI::App* command = provenance.add_subcommand("stats",
                                                "How many labels were written, and how many of them are the "
                                                "truth now: over time, by reviewer, by class");
  command->add_option("--from", stats->from, "Those written on this day or later: 2026-11-01 (UTC)")
      ->check(RefuseEmpty);
  command->add_option("--to", stats->to, "Those written until the end of this day: 2026-11-30 (UTC)")
      ->check(RefuseEmpty);
  command->add_option("--by", stats->by, "Periods: hour, day or week. Default: day")
      ->check(CLI::IsMember({"hour", "day", "week"}));
  command->add_flag("--json", stats->json, "Print JSON");
  OnChosen(command, action, stats, ShowStats);
}

}  // namespace loupe
