// loupe: the thin client. Exit status 0 on success, 2 on wrong usage, 1 otherwise.
#include <cstdio>
#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/print.h"
#include "client/cli/suggestion.h"
#include "proto/error_info.h"
#include "version/version.h"

namespace {

void AddGlobalOptions(CLI::App& app, loupe::GlobalOptions& options) {
  app.add_option("--server", options.server, "The coordinator's address, host:port (LOUPE_SERVER)");
  app.add_option("--token-file", options.token_file, "File that holds the token (LOUPE_TOKEN_FILE)");
  app.add_option(
      "--ca-cert", options.ca_cert,
      "Certificate of the authority (CA) that signed the coordinator's certificate (LOUPE_CA_CERT)");
  app.add_option("--project", options.project,
                 "The project's name; not needed if there is only one (LOUPE_PROJECT)");
  app.add_option("--dir", options.dir, "Folder of `loupe up`: finds server and token by itself");
}

// The line for a person: what is wrong, and the reason's name for scripts and for looking it up.
void PrintError(const absl::Status& status) {
  const std::string reason = loupe::ErrorReason(status);
  std::string message(status.message());
  if (absl::IsUnavailable(status) && reason.empty()) {
    // Nobody listens there: gRPC has nothing to add.
    const bool nobody =
        absl::StrContains(message, "Connection refused") || absl::StrContains(message, "handshaker shutdown");
    message = absl::StrCat("the coordinator does not answer", nobody ? "" : absl::StrCat(" (", message, ")"),
                           ": is it running? `loupe up --dir DIR` starts one");
  }
  std::fprintf(stderr, "loupe: %s%s\n", message.c_str(),
               reason.empty() ? "" : absl::StrCat(" [", reason, "]").c_str());
}

// The first option or argument that was given as an empty text, as a shell does with a variable that isn't
// set: taken as not given it would silently ask for something else. Empty: there is none.
std::string EmptyValue(const CLI::App& command) {
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& text : option->results()) {
      if (text.empty()) return option->get_name();
    }
  }
  // A group of options is a command without a name.
  const auto counts = [](const CLI::App* part) { return part->parsed() || part->get_name().empty(); };
  for (const CLI::App* chosen : command.get_subcommands(counts)) {
    if (const std::string name = EmptyValue(*chosen); !name.empty()) return name;
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Loupe: active learning for object detection, from the command line", "loupe");
  app.set_version_flag("--version", loupe::VersionLine("loupe"));
  app.fallthrough();  // the global options may stand after the command, too
  app.require_subcommand(0, 1);
  loupe::GlobalOptions options;
  AddGlobalOptions(app, options);
  loupe::Action action;
  loupe::AddUpCommands(app, action);
  loupe::AddProjectCommands(app, action);
  loupe::AddClassCommands(app, action);
  loupe::AddStatusCommand(app, action);
  loupe::AddImportCommand(app, action);
  loupe::AddImageCommands(app, action);
  loupe::AddTaskCommands(app, action);
  loupe::AddAnnotateCommand(app, action);
  loupe::AddRoundCommands(app, action);
  loupe::AddModelCommands(app, action);
  loupe::AddProvenanceCommands(app, action);
  loupe::AddWithdrawCommand(app, action);
  loupe::AddWithdrawalCommands(app, action);
  loupe::AddInsightCommands(app, action);
  loupe::AddEstimateCommand(app, action);
  loupe::AddQualityCommand(app, action);
  loupe::AddLabelErrorsCommand(app, action);
  loupe::AddReviewerCommands(app, action);
  loupe::AddExportCommand(app, action);
  loupe::AddTokenCommands(app, action);
  loupe::AddStorageCommands(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help, --version
    const std::string nearest = loupe::NearestName(app, {argv + 1, argv + argc});
    const std::string hint = nearest.empty() ? "see `loupe --help`, or --help after the command"
                                             : absl::StrCat("did you mean `", nearest, "`?");
    std::fprintf(stderr, "loupe: %s (%s)\n", error.what(), hint.c_str());
    return 2;
  }
  if (const std::string name = EmptyValue(app); !name.empty()) {
    std::fprintf(stderr, "loupe: %s is empty: give a value, or leave it out\n", name.c_str());
    return 2;
  }
  if (!action) {
    std::fprintf(stderr,
                 "loupe: which command? `loupe --help` lists them; --help after a group lists its own\n");
    return 2;
  }
  absl::Status status = action(loupe::Context(options, [](const char* name) { return std::getenv(name); }));
  if (status.ok() && std::fflush(stdout) != 0) status = absl::DataLossError("can't write to standard output");
  if (status.ok()) return 0;
  std::fflush(stdout);
  PrintError(status);
  return loupe::IsUsageError(status) ? 2 : 1;
}
