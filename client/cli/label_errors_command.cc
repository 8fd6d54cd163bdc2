// loupe label-errors
#include <algorithm>
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/commands.h"
#include "client/cli/message_json.h"
#include "loupe/v1/insight.grpc.pb.h"

namespace loupe {
namespace {

constexpr uint32_t kPage = 100;

struct LabelErrorsOptions {
  uint32_t limit = 20;
  bool json = false;
};

Json ErrorJson(const v1::ListedLabelError& listed, const ClassNames& classes) {
  Json json = LabelErrorJson(listed.error(), classes);
  json.update({{"image_id", listed.image().id()},
               {"file_name", listed.image().file_name()},
               {"author", listed.author()},
               {"in_review", listed.in_review()}});
  json.erase("box_id");
  if (!listed.has_wrong()) return json;
  json["wrong"] = {{"box_id", listed.wrong().box_id()},
                   {"box", BoxJson(listed.wrong().box())},
                   {"class", classes.Name(listed.wrong().label())}};
  return json;
}

std::string Told(const v1::ListedLabelError& listed, const ClassNames& classes) {
  const std::string wrong = Printable(classes.Name(listed.wrong().label()));
  switch (listed.error().kind()) {
    case v1::LABEL_MISSING:
      return absl::StrCat("a ", Printable(classes.Name(listed.error().label())), " has no box");
    case v1::LABEL_MOVED:
      return absl::StrCat("the box of a ", wrong, " lies beside it");
    case v1::LABEL_WRONG_CLASS:
      return absl::StrCat("a ", wrong, " looks like a ", Printable(classes.Name(listed.error().label())));
    case v1::LABEL_INVENTED:
      return absl::StrCat("nothing is where a ", wrong, " is labelled");
    default:
      return "an error of a kind that this version doesn't know";
  }
}

void PrintErrors(const v1::ListLabelErrorsResponse& found, const ClassNames& classes) {
  if (found.round() == 0) {
    std::printf(
        "no round has searched the labels yet: submit one whose recipe has `label_errors { folds: 3 }`\n");
    return;
  }
  std::printf("round %u: %s open, %u mended, %u kept\n", found.round(),
              Counted(found.total(), "likely error").c_str(), static_cast<unsigned>(found.mended()),
              static_cast<unsigned>(found.kept()));
  if (found.errors().empty()) return;
  Table table({"image", "file", "what", "log odds", "author", ""});
  for (const v1::ListedLabelError& listed : found.errors()) {
    table.Add({absl::StrCat(listed.image().id()), Printable(listed.image().file_name()),
               Told(listed, classes), absl::StrFormat("%.1f", listed.error().log_odds()),
               Printable(listed.author()), listed.in_review() ? "in review" : ""});
  }
  table.Print();
}

absl::Status ListErrors(const Context& context, const LabelErrorsOptions& options) {
  const auto classes = FetchClasses(context);
  if (!classes.ok()) return classes.status();
  v1::ListLabelErrorsRequest request;
  request.set_project(context.project());
  v1::ListLabelErrorsResponse all;
  do {
    request.set_page_size(std::min(options.limit - static_cast<uint32_t>(all.errors_size()), kPage));
    const auto page = Ask(context, &v1::InsightService::Stub::ListLabelErrors, request);
    if (!page.ok()) return page.status();
    request.set_page_token(page->next_page_token());
    const auto errors = all.errors();
    all = *page;
    all.mutable_errors()->Clear();
    all.mutable_errors()->MergeFrom(errors);
    all.mutable_errors()->MergeFrom(page->errors());
  } while (!request.page_token().empty() && static_cast<uint32_t>(all.errors_size()) < options.limit);
  if (!options.json) {
    PrintErrors(all, *classes);
    return absl::OkStatus();
  }
  Json json = {{"round", all.round()},
               {"open", all.total()},
               {"mended", all.mended()},
               {"kept", all.kept()},
               {"errors", Json::array()}};
  for (const v1::ListedLabelError& listed : all.errors())
    json["errors"].push_back(ErrorJson(listed, *classes));
  PrintJson(json);
  return absl::OkStatus();
}

}  // namespace

void AddLabelErrorsCommand(CLI::App& parent, Action& action) {
  auto options = std::make_shared<LabelErrorsOptions>();
  CLI::App* command = parent.add_subcommand(
      "label-errors",
      "Labels that are likely wrong, the likeliest first, as the last round found that searched (its "
      "recipe has label_errors)");
  command->add_option("--limit", options->limit, "How many to list")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  command->add_flag("--json", options->json, "Print JSON");
  OnChosen(command, action, options, ListErrors);
}

}  // namespace loupe
