// loupe provenance query
#include <algorithm>
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/box_filter.h"
#include "client/cli/box_text.h"
#include "client/cli/commands.h"
#include "client/cli/message_json.h"
#include "client/cli/option_check.h"
#include "loupe/v1/provenance.grpc.pb.h"

namespace loupe {
namespace {

constexpr uint64_t kQueryPage = 500;  // the most that the coordinator gives

struct QueryOptions {
  BoxFilterOptions filter;
  uint64_t limit = 100;
  bool json = false;
};

std::string SourceText(const v1::FoundBox& found) {
  if (!found.has_source()) return "";
  const v1::BoxSource& source = found.source();
  return absl::StrCat(OutcomeName(source.outcome()), ", model ", source.model(), ", score ",
                      Fixed(source.box().score(), 3), ", IoU ", Fixed(source.iou(), 3));
}

void PrintBoxes(const v1::QueryBoxesResponse& page, const ClassNames& classes, bool json) {
  if (json) {
    std::string lines;
    for (const v1::FoundBox& found : page.boxes()) AppendJsonLine(lines, found, classes);
    std::fputs(lines.c_str(), stdout);
    return;
  }
  if (page.boxes().empty()) return;
  Table table({"box", "image", "class", "origin", "reviewer", "revision", "labelled", "from a prediction"});
  for (const v1::FoundBox& found : page.boxes()) {
    table.Add({absl::StrCat(found.box().box_id()), found.file_name(), classes.Name(found.box().label()),
               OriginName(found.box().origin()), found.reviewer(), absl::StrCat(found.revision()),
               TimeText(found.created_at()), SourceText(found)});
  }
  table.Print();
}

absl::Status Query(const Context& context, const QueryOptions& options) {
  const absl::StatusOr<v1::BoxFilter> filter = BoxFilterOf(options.filter);
  if (!filter.ok()) return filter.status();
  const auto classes = FetchClasses(context);
  if (!classes.ok()) return classes.status();
  const absl::StatusOr<Connection> connection = context.Connect();
  if (!connection.ok()) return connection.status();
  v1::ProvenanceService::Stub stub(connection->channel());
  v1::QueryBoxesRequest request;
  request.set_project(context.project());
  *request.mutable_filter() = *filter;
  uint64_t left = options.limit;
  do {
    request.set_page_size(static_cast<uint32_t>(std::min(left, kQueryPage)));
    const auto page =
        Call(*connection, stub, &v1::ProvenanceService::Stub::QueryBoxes, request, kInteractive);
    if (!page.ok()) return page.status();
    PrintBoxes(*page, *classes, options.json);
    left -= static_cast<uint64_t>(page->boxes_size());
    request.set_page_token(page->next_page_token());
  } while (left > 0 && !request.page_token().empty());
  if (left == options.limit && !options.json) std::printf("no box matches\n");
  if (!request.page_token().empty()) {
    std::fprintf(stderr, "there may be more: --limit says how many to list, and `loupe export` saves all\n");
  }
  return absl::OkStatus();
}

}  // namespace

void AddQueryCommand(CLI::App& parent, Action& action) {
  auto query = std::make_shared<QueryOptions>();
  CLI::App* command =
      parent.add_subcommand("query", "Boxes of the truth by where they come from, in order of image and box");
  AddBoxFilterOptions(command, query->filter);
  command->add_option("--limit", query->limit, "List at most so many boxes; default: 100")->check(AtLeast(1));
  command->add_flag("--json", query->json, "Print one JSON object per box, each on a line");
  OnChosen(command, action, query, Query);
}

}  // namespace loupe
