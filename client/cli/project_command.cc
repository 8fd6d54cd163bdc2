// loupe project create|list|show|rename|intensity-range|guidelines|delete
#include <unistd.h>

#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/cli/commands.h"
#include "client/cli/message_json.h"
#include "client/lib/request_id.h"
#include "loupe/v1/project.grpc.pb.h"
#include "recipe/strategies.h"

namespace loupe {
namespace {

constexpr absl::Duration kErasureDeadline = absl::Minutes(30);

struct CreateProjectOptions {
  std::string name;
  std::string classes;                   // separated by commas
  std::vector<std::string> class_names;  // whole names
  std::optional<double> holdout_fraction;
  std::optional<uint64_t> seed;
  std::string strategy;
  std::optional<uint32_t> holdout_target;
  std::vector<uint32_t> range;  // low and high, or empty
  bool json = false;
};

struct ShowOptions {
  std::string name;
  bool json = false;
};

struct RenameOptions {
  std::string which;
  std::string name;
  bool json = false;
};

struct DeleteOptions {
  std::string name;
  std::string confirm;
  bool json = false;
};

struct RangeOptions {
  uint32_t low = 0;
  uint32_t high = 0;
  bool json = false;
};

struct QualityControlOptions {
  std::optional<double> overlap;
  std::optional<double> planted;
  std::optional<bool> pause_on_alarm;
  std::optional<bool> reveal_planted;
  bool json = false;
};

struct GuidelinesOptions {
  std::string set;
  uint32_t version = 0;
  bool json = false;
};

struct ListProjectsOptions {
  bool json = false;
};

std::string ClassList(const v1::Project& project) {
  return absl::StrJoin(project.classes(), ", ", [](std::string* text, const v1::Class& one) {
    absl::StrAppend(text, InList(one.name()), one.retired() ? " (retired)" : "");
  });
}

void PrintTable(const v1::Project& project) {
  Table table({"project", project.name()});
  table.Add({"classes", ClassList(project)});
  table.Add({"holdout target", absl::StrCat(project.holdout_target())});
  if (TellsSplit(project)) {
    table.Add({"holdout fraction", absl::StrCat(project.holdout_fraction())});
    table.Add({"seed", absl::StrCat(project.seed())});
  }
  table.Add({"strategy", project.strategy()});
  const v1::IntensityRange& range = project.intensity_range();
  if (range.low() > 0 || range.high() < 65535) {
    table.Add({"16-bit levels", absl::StrCat(range.low(), " to ", range.high())});
  }
  if (project.overlap_share() > 0) {
    table.Add({"second opinions", absl::StrFormat("on %g %% of the answers", 100 * project.overlap_share())});
  }
  if (project.planted_share() > 0) {
    table.Add(
        {"planted errors", absl::StrFormat("in %g %% of the assisted tasks", 100 * project.planted_share())});
  }
  if (project.pause_on_alarm()) table.Add({"alarms", "pause whom they are about"});
  if (project.reveal_planted()) table.Add({"planted tasks", "are told once they are answered"});
  table.Add({"created", TimeText(project.created_at())});
  table.Print();
}

v1::IntensityRange RangeOf(uint32_t low, uint32_t high) {
  v1::IntensityRange range;
  range.set_low(low);
  range.set_high(high);
  return range;
}

absl::Status CreateProject(const Context& context, const CreateProjectOptions& options) {
  v1::CreateProjectRequest request;
  request.set_request_id(NewRequestId());
  request.set_name(options.name);
  if (options.classes.empty() && options.class_names.empty()) {
    return UsageError("--classes a,b,c names the classes, or --class NAME for each");
  }
  for (const absl::string_view name : absl::StrSplit(options.classes, ',', absl::SkipEmpty())) {
    request.add_classes(std::string(absl::StripAsciiWhitespace(name)));
  }
  for (const std::string& name : options.class_names) request.add_classes(name);
  if (options.holdout_fraction) request.set_holdout_fraction(*options.holdout_fraction);
  if (options.seed) request.set_seed(*options.seed);
  request.set_strategy(options.strategy);
  if (options.holdout_target) request.set_holdout_target(*options.holdout_target);
  if (!options.range.empty()) {
    *request.mutable_intensity_range() = RangeOf(options.range[0], options.range[1]);
  }
  const auto project = Ask(context, &v1::ProjectService::Stub::CreateProject, request);
  return PrintProject(project, options.json);
}

absl::Status ListProjects(const Context& context, const ListProjectsOptions& options) {
  Json json = {{"projects", Json::array()}};
  Table table({"project", "classes", "holdout", "strategy", "created"});
  v1::ListProjectsRequest request;
  do {
    const auto page = Ask(context, &v1::ProjectService::Stub::ListProjects, request);
    if (!page.ok()) return page.status();
    for (const v1::Project& project : page->projects()) {
      json["projects"].push_back(ProjectJson(project));
      table.Add({project.name(), ClassList(project),
                 TellsSplit(project) ? absl::StrCat(project.holdout_fraction()) : "-", project.strategy(),
                 TimeText(project.created_at())});
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  options.json ? PrintJson(json) : table.Print();
  return absl::OkStatus();
}

absl::Status ShowProject(const Context& context, const ShowOptions& options) {
  v1::GetProjectRequest request;
  request.set_project(options.name.empty() ? context.project() : options.name);
  const auto project = Ask(context, &v1::ProjectService::Stub::GetProject, request);
  return PrintProject(project, options.json);
}

absl::Status RenameProject(const Context& context, const RenameOptions& options) {
  v1::RenameProjectRequest request;
  request.set_request_id(NewRequestId());
  request.set_project(options.which);
  request.set_name(options.name);
  const auto project = Ask(context, &v1::ProjectService::Stub::RenameProject, request);
  return PrintProject(project, options.json);
}

// The name that the user types on a terminal. Errors: INVALID_ARGUMENT (there is no terminal).
absl::StatusOr<std::string> AskForName(const std::string& project) {
  if (isatty(STDIN_FILENO) == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("deleting a project can't be undone: confirm it with --confirm ", project));
  }
  std::fprintf(stderr,
               "This erases the pictures of %s for good; the history of its labels and the weights of its "
               "models stay.\nType the project's name to delete it: ",
               project.c_str());
  std::string name;
  std::getline(std::cin, name);
  return name;
}

absl::Status DeleteProject(const Context& context, const DeleteOptions& options) {
  absl::StatusOr<std::string> confirm = options.confirm;
  if (confirm->empty()) {
    v1::GetProjectRequest exists;
    exists.set_project(options.name);
    const auto project = Ask(context, &v1::ProjectService::Stub::GetProject, exists);
    if (!project.ok()) return project.status();
    confirm = AskForName(options.name);
  }
  if (!confirm.ok()) return confirm.status();
  if (*confirm != options.name) {
    return absl::InvalidArgumentError(absl::StrCat("the names differ: ", options.name, " was not deleted"));
  }
  v1::DeleteProjectRequest request;
  request.set_project(options.name);
  request.set_confirm(*confirm);
  const auto deleted =
      Ask(context, &v1::ProjectService::Stub::DeleteProject, request, {.deadline = kErasureDeadline});
  if (!deleted.ok()) return deleted.status();
  if (options.json) {
    PrintJson({{"deleted", options.name},
               {"erased_images", deleted->erased_images()},
               {"shared_images", deleted->shared_images()}});
    return absl::OkStatus();
  }
  std::printf("%s is deleted, and %s erased\n", options.name.c_str(),
              Counted(deleted->erased_images(), "picture").c_str());
  if (deleted->shared_images() > 0) {
    std::printf("not erased, since other projects have them, too: %s\n",
                Counted(deleted->shared_images(), "picture").c_str());
  }
  PrintWhereErasedPicturesAre();
  return absl::OkStatus();
}

absl::Status Guidelines(const Context& context, const GuidelinesOptions& options) {
  absl::StatusOr<v1::Guidelines> guidelines = v1::Guidelines();
  if (options.set.empty()) {
    v1::GetGuidelinesRequest request;
    request.set_project(context.project());
    request.set_version(options.version);
    guidelines = Ask(context, &v1::ProjectService::Stub::GetGuidelines, request);
  } else {
    const absl::StatusOr<std::string> content = ReadText(options.set);
    if (!content.ok()) return content.status();
    v1::SetGuidelinesRequest request;
    request.set_request_id(NewRequestId());
    request.set_project(context.project());
    request.set_content(*content);
    guidelines = Ask(context, &v1::ProjectService::Stub::SetGuidelines, request);
  }
  if (!guidelines.ok()) return guidelines.status();
  if (options.json) {
    PrintJson({{"version", guidelines->version()},
               {"author", guidelines->author()},
               {"created_at", TimeText(guidelines->created_at())},
               {"content", guidelines->content()}});
  } else if (options.set.empty()) {
    std::printf("%s\n", guidelines->content().c_str());
  } else {
    std::printf("version %u of the guidelines is there for tasks that are served from now on\n",
                guidelines->version());
  }
  return absl::OkStatus();
}

absl::Status SetIntensityRange(const Context& context, const RangeOptions& options) {
  v1::SetIntensityRangeRequest request;
  request.set_request_id(NewRequestId());
  request.set_project(context.project());
  *request.mutable_intensity_range() = RangeOf(options.low, options.high);
  const auto project = Ask(context, &v1::ProjectService::Stub::SetIntensityRange, request);
  return PrintProject(project, options.json);
}

absl::Status SetQualityControl(const Context& context, const QualityControlOptions& options) {
  if (!options.overlap.has_value() && !options.planted.has_value() && !options.pause_on_alarm.has_value() &&
      !options.reveal_planted.has_value()) {
    return UsageError(
        "say what is to change: --overlap SHARE, --planted SHARE, --pause-on-alarm, --reveal-planted");
  }
  v1::SetQualityControlRequest request;
  request.set_request_id(NewRequestId());
  request.set_project(context.project());
  if (options.overlap.has_value()) request.set_overlap_share(*options.overlap);
  if (options.planted.has_value()) request.set_planted_share(*options.planted);
  if (options.pause_on_alarm.has_value()) request.set_pause_on_alarm(*options.pause_on_alarm);
  if (options.reveal_planted.has_value()) request.set_reveal_planted(*options.reveal_planted);
  const auto project = Ask(context, &v1::ProjectService::Stub::SetQualityControl, request);
  return PrintProject(project, options.json);
}

}  // namespace

absl::Status PrintProject(const absl::StatusOr<v1::Project>& project, bool json) {
  if (!project.ok()) return project.status();
  json ? PrintJson(ProjectJson(*project)) : PrintTable(*project);
  return absl::OkStatus();
}

void AddProjectCommands(CLI::App& parent, Action& action) {
  CLI::App* project = parent.add_subcommand("project", "Make, list, rename and delete projects");

  auto create = std::make_shared<CreateProjectOptions>();
  CLI::App* command = project->add_subcommand("create", "Make a project; its split is fixed from then on");
  command->add_option("name", create->name, "Letters, digits, '-', '_', '.'")->required();
  command->add_option("--classes", create->classes, "Names of the classes, separated by commas");
  command
      ->add_option("--class", create->class_names, "Name of a class, which may hold a comma; may be repeated")
      ->allow_extra_args(false);
  command->add_option("--holdout-fraction", create->holdout_fraction,
                      "Share of images kept apart to measure on, 0 to 0.9 (0.15)");
  command->add_option("--holdout-target", create->holdout_target,
                      "Labelled holdout images beyond which no more are queued (200)");
  command
      ->add_option("--intensity-range", create->range,
                   "Levels of 16-bit pictures that are black and white, e.g. 0 4095 (0 65535)")
      ->expected(2);
  command->add_option("--seed", create->seed,
                      "Seed of the split, to make it again in experiments; default: a secret one");
  command->add_option("--strategy", create->strategy,
                      absl::StrCat("one of ", absl::StrJoin(kStrategyNames, ", "), " (", kCombinedName, ")"));
  command->add_flag("--json", create->json, "Print the project as JSON");
  OnChosen(command, action, create, CreateProject);

  auto list = std::make_shared<ListProjectsOptions>();
  command = project->add_subcommand("list", "All projects, oldest first");
  command->add_flag("--json", list->json, "Print JSON");
  OnChosen(command, action, list, ListProjects);

  auto show = std::make_shared<ShowOptions>();
  command = project->add_subcommand("show", "One project");
  command->add_option("name", show->name, "Its name; default: --project, or the only one");
  command->add_flag("--json", show->json, "Print the project as JSON");
  OnChosen(command, action, show, ShowProject);

  auto rename = std::make_shared<RenameOptions>();
  command = project->add_subcommand("rename", "Give a project another name");
  command->add_option("project", rename->which, "Its name")->required();
  command->add_option("name", rename->name, "Its new name")->required();
  command->add_flag("--json", rename->json, "Print the project as JSON");
  OnChosen(command, action, rename, RenameProject);

  auto range = std::make_shared<RangeOptions>();
  command = project->add_subcommand(
      "intensity-range", "Say which levels of 16-bit pictures are black and white, before any round");
  command->add_option("low", range->low, "Black at this level and below")->required();
  command->add_option("high", range->high, "White at this level and above, at most 65535")->required();
  command->add_flag("--json", range->json, "Print the project as JSON");
  OnChosen(command, action, range, SetIntensityRange);

  auto quality = std::make_shared<QualityControlOptions>();
  command =
      project->add_subcommand("quality-control", "Say how labels and reviewers are checked, from now on");
  command->add_option("--overlap", quality->overlap,
                      "Share of the pool's answers after which a second person is asked, 0 to 0.5; 0: none");
  command->add_option("--planted", quality->planted,
                      "Share of an annotator's assisted tasks with a planted error, 0 to 0.2; 0: none");
  command->add_flag("--pause-on-alarm,!--no-pause-on-alarm", quality->pause_on_alarm,
                    "Give people no more tasks when an alarm is raised about them");
  command->add_flag("--reveal-planted,!--no-reveal-planted", quality->reveal_planted,
                    "Tell people which of their answers were to planted tasks");
  command->add_flag("--json", quality->json, "Print the project as JSON");
  OnChosen(command, action, quality, SetQualityControl);

  auto guidelines = std::make_shared<GuidelinesOptions>();
  command = project->add_subcommand("guidelines", "Show or change how people are to label");
  CLI::Option* set =
      command->add_option("--set", guidelines->set, "Make this file (Markdown) the next version");
  command->add_option("--version", guidelines->version, "Show this version; default: the latest")
      ->excludes(set);
  command->add_flag("--json", guidelines->json, "Print JSON");
  OnChosen(command, action, guidelines, Guidelines);

  auto remove = std::make_shared<DeleteOptions>();
  command = project->add_subcommand("delete", "Delete a project and erase its pictures, for good");
  command->add_option("project", remove->name, "Its name")->required();
  command->add_option("--confirm", remove->confirm, "Its name once more; asked for on a terminal");
  command->add_flag("--json", remove->json, "Print JSON");
  OnChosen(command, action, remove, DeleteProject);
}

}  // namespace loupe
