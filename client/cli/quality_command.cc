// loupe quality
#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
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

Json ReportJson(const v1::LabelQuality& report, const ClassNames& classes) {
  Json json = {{"waiting_images", report.waiting_images()},
               {"all", report.has_all() ? AgreementJson(report.all(), classes) : Json()},
               {"reviewers", Json::array()}};
  for (const v1::ReviewerQuality& one : report.reviewers()) {
    Json alarms = Json::array();
    for (const v1::ReviewerAlarm& alarm : one.alarms()) {
      alarms.push_back({{"kind", absl::AsciiStrToLower(v1::ReviewerAlarm::Kind_Name(alarm.kind()))},
                        {"value", alarm.value()},
                        {"low", alarm.low()},
                        {"high", alarm.high()}});
    }
    json["reviewers"].push_back(
        {{"reviewer", one.reviewer()},
         {"agreement", one.has_agreement() ? AgreementJson(one.agreement(), classes) : Json()},
         {"accuracy", one.has_accuracy() ? Json(one.accuracy()) : Json()},
         {"planted", one.planted()},
         {"caught", one.caught()},
         {"alarms", std::move(alarms)}});
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

void PrintPlanted(const v1::LabelQuality& quality) {
  Table table({"reviewer", "planted errors caught", ""});
  for (const v1::ReviewerQuality& one : quality.reviewers()) {
    if (one.planted() == 0) continue;
    std::string verdict;
    for (const v1::ReviewerAlarm& alarm : one.alarms()) {
      verdict = absl::StrFormat("too few: %.0f %% (%.0f to %.0f)", 100 * alarm.value(), 100 * alarm.low(),
                                100 * alarm.high());
    }
    table.Add(
        {Printable(one.reviewer()), absl::StrCat(one.caught(), " of the last ", one.planted()), verdict});
  }
  table.Print();
}

void PrintQuality(const v1::LabelQuality& quality) {
  if (quality.waiting_images() > 0) {
    std::printf("%s still to be labelled by a second person\n",
                Counted(quality.waiting_images(), "image").c_str());
  }
  const bool planted = std::any_of(quality.reviewers().begin(), quality.reviewers().end(),
                                   [](const v1::ReviewerQuality& one) { return one.planted() > 0; });
  if (quality.has_all()) PrintAgreement(quality);
  if (planted) PrintPlanted(quality);
  if (quality.has_all() || planted) return;
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
      "quality", "How far people agree who labelled the same images, and which planted errors they catch");
  command->add_flag("--json", quality->json, "Print JSON");
  OnChosen(command, action, quality, ShowQuality);
}

}  // namespace loupe
