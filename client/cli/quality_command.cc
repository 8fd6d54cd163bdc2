// loupe quality
#include <cstdio>
#include <string>

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

Json ReportJson(const v1::AgreementReport& report, const ClassNames& classes) {
  Json json = {{"waiting_images", report.waiting_images()},
               {"all", report.has_all() ? AgreementJson(report.all(), classes) : Json()},
               {"reviewers", Json::array()}};
  for (const v1::ReviewerAgreement& one : report.reviewers()) {
    Json of_reviewer = AgreementJson(one.agreement(), classes);
    of_reviewer["reviewer"] = one.reviewer();
    of_reviewer["accuracy"] = one.accuracy();
    json["reviewers"].push_back(std::move(of_reviewer));
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

void Add(const std::string& who, const v1::Agreement& agreement, const std::string& accuracy, Table& table) {
  const Sums sums = SumsOf(agreement);
  table.Add({Printable(who), absl::StrCat(agreement.images()),
             agreement.has_alpha() ? absl::StrFormat("%.2f (%.2f to %.2f)", agreement.alpha(),
                                                     agreement.alpha_low(), agreement.alpha_high())
                                   : "-",
             absl::StrCat(sums.both), absl::StrCat(sums.other_class), absl::StrCat(sums.first_only),
             absl::StrCat(sums.second_only),
             agreement.has_mean_iou() ? absl::StrFormat("%.2f", agreement.mean_iou()) : "-", accuracy});
}

void PrintReport(const v1::AgreementReport& report) {
  if (report.waiting_images() > 0) {
    std::printf("%s still to be labelled by a second person\n",
                Counted(report.waiting_images(), "image").c_str());
  }
  if (!report.has_all()) {
    std::printf(
        "nobody gave a second opinion yet: `loupe project overlap 0.05` asks for one on 5 %% of the pool's "
        "answers\n");
    return;
  }
  Table table({"reviewer", "images", "alpha (95 %)", "same", "other class", "theirs alone", "others' alone",
               "IoU", "right"});
  for (const v1::ReviewerAgreement& one : report.reviewers()) {
    Add(one.reviewer(), one.agreement(), absl::StrFormat("%.2f", one.accuracy()), table);
  }
  Add("all", report.all(), "", table);
  table.Print();
}

absl::Status ShowQuality(const Context& context, const QualityOptions& options) {
  const auto classes = FetchClasses(context);
  if (!classes.ok()) return classes.status();
  v1::GetAgreementRequest request;
  request.set_project(context.project());
  const auto report = Ask(context, &v1::InsightService::Stub::GetAgreement, request, kFigures);
  if (!report.ok()) return report.status();
  options.json ? PrintJson(ReportJson(*report, *classes)) : PrintReport(*report);
  return absl::OkStatus();
}

}  // namespace

void AddQualityCommand(CLI::App& parent, Action& action) {
  auto quality = std::make_shared<QualityOptions>();
  CLI::App* command = parent.add_subcommand("quality", "How far people agree who labelled the same images");
  command->add_flag("--json", quality->json, "Print JSON");
  OnChosen(command, action, quality, ShowQuality);
}

}  // namespace loupe
