// loupe round submit|list|show|cancel|watch
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/message_json.h"
#include "client/cli/round_watch.h"
#include "client/lib/request_id.h"
#include "loupe/v1/round.grpc.pb.h"

namespace loupe {
namespace {

struct SubmitOptions {
  std::string recipe;
  bool watch = false;
  bool plan = false;
  bool json = false;
};

struct ListRoundsOptions {
  bool json = false;
};

struct RoundOptions {
  uint32_t number = 0;
  bool json = false;
};

void PrintRound(const v1::Round& round, const ClassNames& classes, bool json) {
  if (json) {
    PrintJson(RoundJson(round, classes));
    return;
  }
  const std::string text = RoundText(round, classes);
  std::fwrite(text.data(), 1, text.size(), stdout);
}

// Follows the round to its end and prints it. Errors: ABORTED (it failed or was cancelled).
absl::Status WatchToEnd(const Context& context, uint32_t number, bool json) {
  const absl::StatusOr<Connection> connection = context.Connect();
  if (!connection.ok()) return connection.status();
  const auto classes = FetchClasses(context);
  if (!classes.ok()) return classes.status();
  const auto round = WatchRound(*connection, context.project(), number);
  if (!round.ok()) return round.status();
  PrintRound(*round, *classes, json);
  if (round->state() == "failed")
    return absl::AbortedError(absl::StrCat("round ", number, " failed: ", round->error()));
  if (round->state() == "cancelled")
    return absl::AbortedError(absl::StrCat("round ", number, " was cancelled"));
  return absl::OkStatus();
}

// Prints what a round would take; queues nothing.
absl::Status PlanRound(const Context& context, const std::string& recipe, bool json) {
  v1::PlanRoundRequest request;
  request.set_project(context.project());
  request.set_recipe(recipe);
  const auto plan = Ask(context, &v1::RoundService::Stub::PlanRound, request);
  if (!plan.ok()) return plan.status();
  if (json) {
    PrintJson(PlanJson(*plan));
    return absl::OkStatus();
  }
  const std::string text = PlanText(*plan);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return absl::OkStatus();
}

absl::Status SubmitRound(const Context& asked, const SubmitOptions& options) {
  const absl::StatusOr<Context> named = NamedProject(asked);
  if (!named.ok()) return named.status();
  const Context& context = *named;
  absl::StatusOr<std::string> recipe = std::string();
  if (!options.recipe.empty()) recipe = ReadText(options.recipe);
  if (!recipe.ok()) return recipe.status();
  if (options.plan) return PlanRound(context, *recipe, options.json);
  v1::SubmitRoundRequest request;
  request.set_request_id(NewRequestId());
  request.set_project(context.project());
  request.set_recipe(*recipe);
  // Taking the snapshot of a large project takes long.
  const auto round = Ask(context, &v1::RoundService::Stub::SubmitRound, request,
                         {.deadline = absl::Minutes(5), .patience = absl::Seconds(10)});
  if (!round.ok()) return round.status();
  if (options.watch) {
    std::fprintf(stderr, "round %u: %lu labelled images, %lu boxes\n", round->number(),
                 round->snapshot_images(), round->snapshot_boxes());
    return WatchToEnd(context, round->number(), options.json);
  }
  const auto classes = FetchClasses(context);
  if (!classes.ok()) return classes.status();
  PrintRound(*round, *classes, options.json);
  return absl::OkStatus();
}

absl::Status ListRounds(const Context& context, const ListRoundsOptions& options) {
  const auto classes = FetchClasses(context);
  if (!classes.ok()) return classes.status();
  Json json = {{"rounds", Json::array()}};
  Table table({"round", "state", "images", "boxes", "model", "AP50", "gate", "created"});
  v1::ListRoundsRequest request;
  request.set_project(context.project());
  do {
    const auto page = Ask(context, &v1::RoundService::Stub::ListRounds, request);
    if (!page.ok()) return page.status();
    for (const v1::Round& round : page->rounds()) {
      json["rounds"].push_back(RoundJson(round, *classes));
      table.Add({absl::StrCat(round.number()), round.state(), absl::StrCat(round.snapshot_images()),
                 absl::StrCat(round.snapshot_boxes()), round.model() == 0 ? "-" : absl::StrCat(round.model()),
                 round.has_evaluation() ? Fixed(round.evaluation().ap50(), 4) : "-",
                 GateName(round.gate().outcome()), TimeText(round.created_at())});
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  options.json ? PrintJson(json) : table.Print();
  return absl::OkStatus();
}

absl::Status ShowRound(const Context& context, const RoundOptions& options) {
  const auto classes = FetchClasses(context);
  if (!classes.ok()) return classes.status();
  v1::GetRoundRequest request;
  request.set_project(context.project());
  request.set_number(options.number);
  const auto round = Ask(context, &v1::RoundService::Stub::GetRound, request);
  if (!round.ok()) return round.status();
  PrintRound(*round, *classes, options.json);
  return absl::OkStatus();
}

absl::Status Watch(const Context& asked, const RoundOptions& options) {
  const absl::StatusOr<Context> named = NamedProject(asked);
  if (!named.ok()) return named.status();
  const Context& context = *named;
  v1::GetRoundRequest request;
  request.set_project(context.project());
  request.set_number(options.number);
  const auto round = Ask(context, &v1::RoundService::Stub::GetRound, request);
  if (!round.ok()) return round.status();
  return WatchToEnd(context, round->number(), options.json);
}

absl::Status Cancel(const Context& context, const RoundOptions& options) {
  const auto classes = FetchClasses(context);
  if (!classes.ok()) return classes.status();
  v1::CancelRoundRequest request;
  request.set_request_id(NewRequestId());
  request.set_project(context.project());
  request.set_number(options.number);
  const auto round = Ask(context, &v1::RoundService::Stub::CancelRound, request);
  if (!round.ok()) return round.status();
  PrintRound(*round, *classes, options.json);
  return absl::OkStatus();
}

}  // namespace

void AddRoundCommands(CLI::App& parent, Action& action) {
  CLI::App* round = parent.add_subcommand("round", "Train, evaluate, gate, predict and rank");

  auto submit = std::make_shared<SubmitOptions>();
  CLI::App* command = round->add_subcommand("submit", "Freeze the current labels and queue a round");
  command->add_option("--recipe", submit->recipe, "Recipe, a protobuf text file; default: all defaults");
  CLI::Option* watched =
      command->add_flag("--watch", submit->watch, "Follow it to its end; exit status 1 when it fails");
  command
      ->add_flag("--plan", submit->plan, "Only say what it would train on, and about how long it would take")
      ->excludes(watched);
  command->add_flag("--json", submit->json, "Print the round as JSON");
  OnChosen(command, action, submit, SubmitRound);

  auto list = std::make_shared<ListRoundsOptions>();
  command = round->add_subcommand("list", "All rounds, newest first");
  command->add_flag("--json", list->json, "Print JSON");
  OnChosen(command, action, list, ListRounds);

  auto show = std::make_shared<RoundOptions>();
  command = round->add_subcommand("show", "One round");
  command->add_option("number", show->number, "Its number; default: the latest");
  command->add_flag("--json", show->json, "Print the round as JSON");
  OnChosen(command, action, show, ShowRound);

  auto watch = std::make_shared<RoundOptions>();
  command = round->add_subcommand("watch", "Follow a round to its end; exit status 1 when it fails");
  command->add_option("number", watch->number, "Its number; default: the latest");
  command->add_flag("--json", watch->json, "Print the round at its end as JSON");
  OnChosen(command, action, watch, Watch);

  auto cancel = std::make_shared<RoundOptions>();
  command = round->add_subcommand(
      "cancel", "End a round: nothing of it serves, unless somebody has promoted its model");
  command->add_option("number", cancel->number, "Its number")->required();
  command->add_flag("--json", cancel->json, "Print the round as JSON");
  OnChosen(command, action, cancel, Cancel);
}

}  // namespace loupe
