// loupe project create|list|show|rename, loupe class list|rename, loupe status
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/cli/commands.h"
#include "client/cli/message_json.h"
#include "client/lib/request_id.h"
#include "loupe/v1/project.grpc.pb.h"
#include "recipe/strategies.h"

namespace loupe {
namespace {

struct CreateProjectOptions {
  std::string name;
  std::string classes;                   // separated by commas
  std::vector<std::string> class_names;  // whole names
  std::optional<double> holdout_fraction;
  std::optional<uint64_t> seed;
  std::string strategy;
  std::optional<uint32_t> holdout_target;
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

struct ListProjectsOptions {
  bool json = false;
};

std::string ClassList(const v1::Project& project) {
  return absl::StrJoin(project.classes(), ", ",
                       [](std::string* text, const v1::Class& one) { absl::StrAppend(text, one.name()); });
}

void PrintProject(const v1::Project& project) {
  Table table({"project", project.name()});
  table.Add({"classes", ClassList(project)});
  table.Add({"holdout fraction", absl::StrCat(project.holdout_fraction())});
  table.Add({"holdout target", absl::StrCat(project.holdout_target())});
  table.Add({"seed", absl::StrCat(project.seed())});
  table.Add({"strategy", project.strategy()});
  table.Add({"created", TimeText(project.created_at())});
  table.Print();
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
  const auto project = Ask(context, &v1::ProjectService::Stub::CreateProject, request);
  if (!project.ok()) return project.status();
  options.json ? PrintJson(ProjectJson(*project)) : PrintProject(*project);
  return absl::OkStatus();
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
      table.Add({project.name(), ClassList(project), absl::StrCat(project.holdout_fraction()),
                 project.strategy(), TimeText(project.created_at())});
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
  if (!project.ok()) return project.status();
  options.json ? PrintJson(ProjectJson(*project)) : PrintProject(*project);
  return absl::OkStatus();
}

absl::Status RenameProject(const Context& context, const RenameOptions& options) {
  v1::RenameProjectRequest request;
  request.set_request_id(NewRequestId());
  request.set_project(options.which);
  request.set_name(options.name);
  const auto project = Ask(context, &v1::ProjectService::Stub::RenameProject, request);
  if (!project.ok()) return project.status();
  options.json ? PrintJson(ProjectJson(*project)) : PrintProject(*project);
  return absl::OkStatus();
}

absl::Status ListClasses(const Context& context, const ListProjectsOptions& options) {
  v1::GetProjectRequest request;
  request.set_project(context.project());
  const auto project = Ask(context, &v1::ProjectService::Stub::GetProject, request);
  if (!project.ok()) return project.status();
  Json json = {{"classes", Json::array()}};
  Table table({"label", "class"});
  for (const v1::Class& known : project->classes()) {
    json["classes"].push_back({{"label", known.label()}, {"name", known.name()}});
    table.Add({absl::StrCat(known.label()), known.name()});
  }
  options.json ? PrintJson(json) : table.Print();
  return absl::OkStatus();
}

absl::Status RenameClass(const Context& context, const RenameOptions& options) {
  const auto classes = FetchClasses(context);
  if (!classes.ok()) return classes.status();
  const std::optional<uint32_t> label = classes->Label(options.which);
  if (!label.has_value()) {
    return absl::NotFoundError(
        absl::StrCat("there is no class ", options.which, "; there are: ", classes->Listing()));
  }
  v1::RenameClassRequest request;
  request.set_request_id(NewRequestId());
  request.set_project(context.project());
  request.set_label(*label);
  request.set_name(options.name);
  const auto project = Ask(context, &v1::ProjectService::Stub::RenameClass, request);
  if (!project.ok()) return project.status();
  options.json ? PrintJson(ProjectJson(*project)) : PrintProject(*project);
  return absl::OkStatus();
}

void PrintStatus(const v1::ProjectStatus& status) {
  Table sides({"", "images", "labelled"});
  sides.Add({"pool", absl::StrCat(status.pool_images()), absl::StrCat(status.pool_labelled())});
  sides.Add({"holdout", absl::StrCat(status.holdout_images()), absl::StrCat(status.holdout_labelled())});
  Table classes({"class", "boxes", "images"});
  for (const v1::ClassCount& count : status.class_counts()) {
    classes.Add({count.class_().name(), absl::StrCat(count.boxes()), absl::StrCat(count.images())});
  }
  Table rest({"project", status.project().name()});
  const uint32_t round = status.latest_round();
  rest.Add(
      {"latest round", round == 0 ? "none yet" : absl::StrCat(round, ", ", status.latest_round_state())});
  rest.Add(
      {"serving model", status.serving_model() == 0 ? "none yet" : absl::StrCat(status.serving_model())});
  rest.Add({"images to be served", absl::StrCat(status.queue_length())});
  rest.Add({"images being labelled", absl::StrCat(status.open_leases())});
  rest.Add(
      {"boxes", absl::StrCat(status.boxes_imported(), " imported, ", status.boxes_accepted(), " accepted, ",
                             status.boxes_adjusted(), " adjusted, ", status.boxes_relabelled(),
                             " relabelled, ", status.boxes_drawn(), " drawn; ", status.boxes_rejected(),
                             " predicted ones rejected, ", status.boxes_dropped(), " dropped")});
  rest.Add({"holdout", status.holdout_labelled() == 0      ? "none labelled yet"
                       : status.holdout_is_random_sample() ? "a random sample"
                                                           : "imported, not a random sample"});
  const uint64_t unusable = status.images_set_aside() + status.images_excluded() + status.images_removed();
  if (unusable > 0) {
    rest.Add({"images not used",
              absl::StrCat(status.images_set_aside(), " set aside, ", status.images_excluded(), " excluded, ",
                           status.images_removed(), " removed: `loupe image list --unusable` names them")});
  }
  const std::string text = absl::StrCat(rest.Text(), "\n", sides.Text(), "\n", classes.Text());
  std::fwrite(text.data(), 1, text.size(), stdout);
}

absl::Status Status(const Context& context, const ListProjectsOptions& options) {
  v1::GetStatusRequest request;
  request.set_project(context.project());
  const auto status = Ask(context, &v1::ProjectService::Stub::GetStatus, request);
  if (!status.ok()) return status.status();
  options.json ? PrintJson(StatusJson(*status)) : PrintStatus(*status);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ClassNames> FetchClasses(const Context& context, const CallOptions& options) {
  v1::GetProjectRequest request;
  request.set_project(context.project());
  const auto project = Ask(context, &v1::ProjectService::Stub::GetProject, request, options);
  if (!project.ok()) return project.status();
  return ClassNames(*project);
}

void AddProjectCommands(CLI::App& parent, Action& action) {
  CLI::App* project = parent.add_subcommand("project", "Make and list projects");

  auto create = std::make_shared<CreateProjectOptions>();
  CLI::App* command =
      project->add_subcommand("create", "Make a project; classes and split are fixed from then on");
  command->add_option("name", create->name, "Letters, digits, '-', '_', '.'")->required();
  command->add_option("--classes", create->classes, "Names of the classes, separated by commas");
  command
      ->add_option("--class", create->class_names, "Name of a class, which may hold a comma; may be repeated")
      ->allow_extra_args(false);
  command->add_option("--holdout-fraction", create->holdout_fraction,
                      "Share of images kept apart to measure on, 0 to 0.9 (0.15)");
  command->add_option("--holdout-target", create->holdout_target,
                      "Labelled holdout images beyond which no more are queued (200)");
  command->add_option("--seed", create->seed, "Seed of the split (1)");
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

  CLI::App* of_class = parent.add_subcommand("class", "Classes of the project");
  auto classes = std::make_shared<ListProjectsOptions>();
  command = of_class->add_subcommand("list", "All classes, in order of their number");
  command->add_flag("--json", classes->json, "Print JSON");
  OnChosen(command, action, classes, ListClasses);
  auto rename_class = std::make_shared<RenameOptions>();
  command =
      of_class->add_subcommand("rename", "Give a class another name; labels and models stay as they are");
  command->add_option("class", rename_class->which, "Its name")->required();
  command->add_option("name", rename_class->name, "Its new name")->required();
  command->add_flag("--json", rename_class->json, "Print the project as JSON");
  OnChosen(command, action, rename_class, RenameClass);

  auto status = std::make_shared<ListProjectsOptions>();
  command = parent.add_subcommand("status", "The state of a project: images, labels, rounds, queue");
  command->add_flag("--json", status->json, "Print JSON");
  OnChosen(command, action, status, Status);
}

}  // namespace loupe
