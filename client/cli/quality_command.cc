// loupe quality
#include <cmath>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/cli/commands.h"
#include "client/cli/message_json.h"
#include "loupe/v1/insight.grpc.pb.h"

namespace loupe {
namespace {

struct QualityOptions {
  bool json = false;
};

Json AgreementJson(const v1::Agreement& agreement, const ClassNames& classes) {
  Json json = {{"images", agreement.images()},
               {"things", agreement.things()},
               {"alpha", agreement.has_alpha() ? Json(agreement.alpha()) : Json()},
               {"alpha_low", agreement.has_alpha() ? Json(agreement.alpha_low()) : Json()},
               {"alpha_high", agreement.has_alpha() ? Json(agreement.alpha_high()) : Json()},
               {"mean_iou", agreement.has_mean_iou() ? Json(agreement.mean_iou()) : Json()},
               {"classes", Json::array()}};
  for (const v1::ClassAgreement& of_class : agreement.classes()) {
    json["classes"].push_back({{"label", of_class.label()},
                               {"class", classes.Name(of_class.label())},
                               {"both", of_class.both()},
                               {"first_only", of_class.first_only()},
                               {"second_only", of_class.second_only()},
                               {"other_class", of_class.other_class()}});
  }
  return json;
}

Json FigureJson(const v1::IntervalFigure& figure) {
  return {{"value", figure.value()}, {"low", figure.low()}, {"high", figure.high()}};
}

Json ShownAgainstBlindJson(const v1::ShownAgainstBlind& compared) {
  return {{"shown_images", compared.shown_images()},
          {"blind_images", compared.blind_images()},
          {"misses", FigureJson(compared.misses())},
          {"kept", compared.has_kept() ? FigureJson(compared.kept()) : Json()},
          {"placement", compared.has_placement() ? FigureJson(compared.placement()) : Json()}};
}

Json AlarmsJson(const google::protobuf::RepeatedPtrField<v1::ReviewerAlarm>& alarms) {
  Json list = Json::array();
  for (const v1::ReviewerAlarm& alarm : alarms) {
    list.push_back({{"kind", absl::AsciiStrToLower(v1::ReviewerAlarm::Kind_Name(alarm.kind()))},
                    {"value", alarm.value()},
                    {"low", alarm.low()},
                    {"high", alarm.high()}});
    if (!alarm.has_raised_at()) continue;
    list.back()["raised_at"] = TimeText(alarm.raised_at());
    list.back()["reviews"] = alarm.reviews();
  }
  return list;
}

Json PauseJson(const v1::ReviewerPause& pause) {
  return {{"reason", pause.reason()},
          {"paused_by", pause.paused_by().empty() ? Json() : Json(pause.paused_by())},
          {"paused_at", TimeText(pause.paused_at())}};
}

Json ReviewerJson(const v1::ReviewerQuality& one, const ClassNames& classes) {
  return {{"reviewer", one.reviewer()},
          {"agreement", one.has_agreement() ? AgreementJson(one.agreement(), classes) : Json()},
          {"accuracy", one.has_accuracy() ? Json(one.accuracy()) : Json()},
          {"planted", one.planted()},
          {"caught", one.caught()},
          {"shown_images", one.shown_images()},
          {"blind_images", one.blind_images()},
          {"shown_against_blind",
           one.has_shown_against_blind() ? ShownAgainstBlindJson(one.shown_against_blind()) : Json()},
          {"timed_answers", one.timed_answers()},
          {"seconds_a_box", one.has_seconds_a_box() ? FigureJson(one.seconds_a_box()) : Json()},
          {"alarms", AlarmsJson(one.alarms())},
          {"past_alarms", AlarmsJson(one.past_alarms())},
          {"pause", one.has_pause() ? PauseJson(one.pause()) : Json()}};
}

Json ReportJson(const v1::LabelQuality& report, const ClassNames& classes) {
  Json json = {{"waiting_images", report.waiting_images()},
               {"all", report.has_all() ? AgreementJson(report.all(), classes) : Json()},
               {"reviewers", Json::array()}};
  for (const v1::ReviewerQuality& one : report.reviewers()) {
    json["reviewers"].push_back(ReviewerJson(one, classes));
  }
  return json;
}

struct Sums {
  uint64_t both = 0, first_only = 0, second_only = 0, other_class = 0;
};

Sums SumsOf(const v1::Agreement& agreement) {
  Sums sums;
  for (const v1::ClassAgreement& of_class : agreement.classes()) {
    sums.both += of_class.both();
    sums.first_only += of_class.first_only();
    sums.second_only += of_class.second_only();
    sums.other_class += of_class.other_class();
  }
  sums.other_class /= 2;  // counted for both classes
  return sums;
}

std::vector<std::string> AgreementCells(const v1::Agreement& agreement) {
  const Sums sums = SumsOf(agreement);
  return {absl::StrCat(agreement.images()),
          agreement.has_alpha() ? absl::StrFormat("%.2f (%.2f to %.2f)", agreement.alpha(),
                                                  agreement.alpha_low(), agreement.alpha_high())
                                : "-",
          absl::StrCat(sums.both),
          absl::StrCat(sums.other_class),
          absl::StrCat(sums.first_only),
          absl::StrCat(sums.second_only),
          agreement.has_mean_iou() ? absl::StrFormat("%.2f", agreement.mean_iou()) : "-"};
}

void PrintAgreement(const v1::LabelQuality& quality) {
  Table table({"reviewer", "images", "alpha (95 %)", "same", "other class", "theirs alone", "others' alone",
               "IoU", "right"});
  const auto add = [&](const std::string& who, const v1::Agreement& agreement, const std::string& accuracy) {
    std::vector<std::string> cells = AgreementCells(agreement);
    cells.insert(cells.begin(), Printable(who));
    cells.push_back(accuracy);
    table.Add(std::move(cells));
  };
  for (const v1::ReviewerQuality& one : quality.reviewers()) {
    if (one.has_agreement()) add(one.reviewer(), one.agreement(), absl::StrFormat("%.2f", one.accuracy()));
  }
  add("all", quality.all(), "");
  table.Print();
}

std::string PercentText(const v1::IntervalFigure& figure) {
  const auto percent = [](double share) { return std::round(100 * share) + 0.0; };  // no -0
  return absl::StrFormat("%+.0f %% (%+.0f to %+.0f)", percent(figure.value()), percent(figure.low()),
                         percent(figure.high()));
}

std::string AlarmText(const v1::ReviewerAlarm& alarm) {
  switch (alarm.kind()) {
    case v1::ReviewerAlarm::PLANTED_ERRORS_KEPT:
      return "leaves planted errors in";
    case v1::ReviewerAlarm::MISSES_WHEN_SHOWN:
      return "overlooks what isn't shown";
    case v1::ReviewerAlarm::NOT_LOOKED_AT:
      return "has no time to look at each box";
    case v1::ReviewerAlarm::ACCEPTS_TOO_MUCH:
      return "accepts boxes that blind answers don't have";
    default:
      return "an alarm that this version doesn't know";
  }
}

// Too little is known of these to compare them.
std::string Known(uint64_t shown, uint64_t blind) {
  return absl::StrCat("- (", shown, " shown, ", blind, " blind)");
}

void PrintReviewers(const v1::LabelQuality& quality) {
  Table table({"reviewer", "planted errors caught", "misses when shown", "keeps more", "nearer (IoU)",
               "seconds a box", ""});
  for (const v1::ReviewerQuality& one : quality.reviewers()) {
    std::vector<std::string> verdict;
    for (const v1::ReviewerAlarm& alarm : one.alarms()) verdict.push_back(AlarmText(alarm));
    if (one.has_pause()) verdict.push_back("paused");
    const v1::ShownAgainstBlind& compared = one.shown_against_blind();
    const bool is_compared = one.has_shown_against_blind();
    table.Add({Printable(one.reviewer()),
               one.planted() == 0 ? "-" : absl::StrCat(one.caught(), " of the last ", one.planted()),
               is_compared ? PercentText(compared.misses()) : Known(one.shown_images(), one.blind_images()),
               compared.has_kept() ? PercentText(compared.kept()) : "-",
               compared.has_placement() ? absl::StrFormat("%+.2f", compared.placement().value()) : "-",
               one.has_seconds_a_box() ? absl::StrFormat("%.1f", one.seconds_a_box().value()) : "-",
               absl::StrJoin(verdict, ", ")});
  }
  table.Print();
}

void PrintQuality(const v1::LabelQuality& quality) {
  if (quality.waiting_images() > 0) {
    std::printf("%s still to be labelled by a second person\n",
                Counted(quality.waiting_images(), "image").c_str());
  }
  if (quality.has_all()) PrintAgreement(quality);
  if (quality.reviewers_size() > 0) PrintReviewers(quality);
  if (quality.has_all() || quality.reviewers_size() > 0) return;
  std::printf(
      "nothing is known yet: `loupe project quality-control --overlap 0.05 --planted 0.05` asks for second "
      "opinions on 5 %% of the pool's answers, and plants an error in 5 %% of the assisted tasks\n");
}

absl::Status ShowQuality(const Context& context, const QualityOptions& options) {
  const auto classes = FetchClasses(context);
  if (!classes.ok()) return classes.status();
  v1::GetLabelQualityRequest request;
  request.set_project(context.project());
  const auto report = Ask(context, &v1::InsightService::Stub::GetLabelQuality, request, kFigures);
  if (!report.ok()) return report.status();
  options.json ? PrintJson(ReportJson(*report, *classes)) : PrintQuality(*report);
  return absl::OkStatus();
}

}  // namespace

void AddQualityCommand(CLI::App& parent, Action& action) {
  auto quality = std::make_shared<QualityOptions>();
  CLI::App* command = parent.add_subcommand(
      "quality",
      "How far labels can be trusted, by reviewer: agreement, planted errors, answers shown and blind");
  command->add_flag("--json", quality->json, "Print JSON");
  OnChosen(command, action, quality, ShowQuality);
}

}  // namespace loupe
