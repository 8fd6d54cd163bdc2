// loupe class list|add|rename|display|retire
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/message_json.h"
#include "client/lib/request_id.h"
#include "loupe/v1/project.grpc.pb.h"
#include "proto/class_index.h"

namespace loupe {
namespace {

struct ListClassesOptions {
  bool json = false;
};

struct RenameClassOptions {
  std::string which;
  std::string name;
  bool json = false;
};

struct DisplayOptions {
  std::string which;
  std::optional<std::string> color;
  std::optional<std::string> key;
  bool json = false;
};

struct ClassOptions {
  std::string name;
  bool json = false;
};

absl::StatusOr<v1::Project> FetchProject(const Context& context, const CallOptions& options = kInteractive) {
  v1::GetProjectRequest request;
  request.set_project(context.project());
  return Ask(context, &v1::ProjectService::Stub::GetProject, request, options);
}

absl::Status NoSuchClass(const std::string& name, const ClassNames& classes) {
  return absl::NotFoundError(absl::StrCat("there is no class ", name, "; there are: ", classes.Listing()));
}

absl::StatusOr<uint32_t> LabelNamed(const Context& context, const std::string& name) {
  const auto classes = FetchClasses(context);
  if (!classes.ok()) return classes.status();
  if (const std::optional<uint32_t> label = classes->Label(name); label.has_value()) return *label;
  return NoSuchClass(name, *classes);
}

absl::Status ListClasses(const Context& context, const ListClassesOptions& options) {
  const auto project = FetchProject(context);
  if (!project.ok()) return project.status();
  Json json = {{"classes", Json::array()}};
  Table table({"label", "class", "colour", "key", ""});
  for (const v1::Class& known : project->classes()) {
    json["classes"].push_back(ClassJson(known));
    table.Add({absl::StrCat(known.label()), known.name(), known.display().color(), known.display().key(),
               known.retired() ? "retired" : ""});
  }
  options.json ? PrintJson(json) : table.Print();
  return absl::OkStatus();
}

absl::Status RenameClass(const Context& context, const RenameClassOptions& options) {
  const absl::StatusOr<uint32_t> label = LabelNamed(context, options.which);
  if (!label.ok()) return label.status();
  v1::RenameClassRequest request;
  request.set_request_id(NewRequestId());
  request.set_project(context.project());
  request.set_label(*label);
  request.set_name(options.name);
  const auto project = Ask(context, &v1::ProjectService::Stub::RenameClass, request);
  return PrintProject(project, options.json);
}

std::string UnlessDefault(const std::string& value) { return value == "default" ? "" : value; }

absl::Status DisplayClass(const Context& context, const DisplayOptions& options) {
  const auto project = FetchProject(context);
  if (!project.ok()) return project.status();
  const ClassNames classes(*project);
  const std::optional<uint32_t> label = classes.Label(options.which);
  if (!label.has_value()) return NoSuchClass(options.which, classes);
  v1::SetClassDisplayRequest request;
  request.set_request_id(NewRequestId());
  request.set_project(project->name());
  request.set_label(*label);
  *request.mutable_display() = project->classes(static_cast<int>(ClassIndexOf(*label))).display();
  if (options.color.has_value()) request.mutable_display()->set_color(UnlessDefault(*options.color));
  if (options.key.has_value()) request.mutable_display()->set_key(UnlessDefault(*options.key));
  const auto changed = Ask(context, &v1::ProjectService::Stub::SetClassDisplay, request);
  return PrintProject(changed, options.json);
}

absl::Status AddClass(const Context& context, const ClassOptions& options) {
  v1::AddClassRequest request;
  request.set_request_id(NewRequestId());
  request.set_project(context.project());
  request.set_name(options.name);
  const auto project = Ask(context, &v1::ProjectService::Stub::AddClass, request);
  const absl::Status printed = PrintProject(project, options.json);
  if (!printed.ok() || options.json) return printed;
  v1::GetStatusRequest status_request;
  status_request.set_project(project->name());
  const auto status = Ask(context, &v1::ProjectService::Stub::GetStatus, status_request);
  if (!status.ok()) return status.status();
  const uint64_t to_look_at = status->class_counts(status->class_counts_size() - 1).images_to_look_at();
  if (to_look_at > 0) {
    std::printf("labelled without it, and served first: %s\n", Counted(to_look_at, "image").c_str());
  }
  return absl::OkStatus();
}

absl::Status RetireClass(const Context& context, const ClassOptions& options) {
  const absl::StatusOr<uint32_t> label = LabelNamed(context, options.name);
  if (!label.ok()) return label.status();
  v1::RetireClassRequest request;
  request.set_request_id(NewRequestId());
  request.set_project(context.project());
  request.set_label(*label);
  const auto project = Ask(context, &v1::ProjectService::Stub::RetireClass, request);
  return PrintProject(project, options.json);
}

}  // namespace

absl::StatusOr<Context> NamedProject(const Context& context, const CallOptions& options) {
  const auto project = FetchProject(context, options);
  if (!project.ok()) return project.status();
  Context named = context;
  named.set_project(project->name());
  return named;
}

absl::StatusOr<ClassNames> FetchClasses(const Context& context, const CallOptions& options) {
  const auto project = FetchProject(context, options);
  if (!project.ok()) return project.status();
  return ClassNames(*project);
}

void AddClassCommands(CLI::App& parent, Action& action) {
  CLI::App* of_class =
      parent.add_subcommand("class", "List, add, rename and retire classes, and say how they look");
  auto classes = std::make_shared<ListClassesOptions>();
  CLI::App* command = of_class->add_subcommand("list", "All classes, in order of their number");
  command->add_flag("--json", classes->json, "Print JSON");
  OnChosen(command, action, classes, ListClasses);
  auto add = std::make_shared<ClassOptions>();
  command = of_class->add_subcommand(
      "add", "Add a class; images that were labelled without it are queued to be looked at for it");
  command->add_option("name", add->name, "Its name, 1 to 100 characters")->required();
  command->add_flag("--json", add->json, "Print the project as JSON");
  OnChosen(command, action, add, AddClass);
  auto retire = std::make_shared<ClassOptions>();
  command = of_class->add_subcommand(
      "retire", "Keep the boxes of a class, and no longer offer, train on or judge it; can't be undone");
  command->add_option("class", retire->name, "Its name")->required();
  command->add_flag("--json", retire->json, "Print the project as JSON");
  OnChosen(command, action, retire, RetireClass);
  auto rename = std::make_shared<RenameClassOptions>();
  command = of_class->add_subcommand(
      "rename",
      "Give a class another name; labels and models stay as they are, and files that are "
      "imported from then on must use it");
  command->add_option("class", rename->which, "Its name")->required();
  command->add_option("name", rename->name, "Its new name")->required();
  command->add_flag("--json", rename->json, "Print the project as JSON");
  OnChosen(command, action, rename, RenameClass);
  auto display = std::make_shared<DisplayOptions>();
  command =
      of_class->add_subcommand("display", "Say which colour and key a class has on the annotation page");
  command->add_option("class", display->which, "Its name")->required();
  command->add_option("--color", display->color, "#rrggbb, or `default`: by the page's palette");
  command->add_option(
      "--key", display->key,
      "One of 1 to 9, I, O, P, Q, T, V, W and Y, or `default`: a digit by the order of the classes");
  command->add_flag("--json", display->json, "Print the project as JSON");
  OnChosen(command, action, display, DisplayClass);
}

}  // namespace loupe
