// The commands of `loupe`; each group has a file.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>
#include "absl/status/status.h"
#include "client/cli/context.h"
#include "client/cli/message_json.h"

namespace loupe {

// What the chosen command does. It is set while the command line is parsed, and run afterwards, when all
// options are known.
using Action = std::function<absl::Status(const Context& context)>;

// Sets the action to `run` when `command` is chosen.
template <typename Options>
void OnChosen(CLI::App* command, Action& action, std::shared_ptr<Options> options,
              absl::Status (*run)(const Context& context, const Options& options)) {
  command->callback([&action, options = std::move(options), run] {
    action = [options, run](const Context& context) { return run(context, *options); };
  });
}

// Each adds its commands to `parent`.
void AddUpCommands(CLI::App& parent, Action& action);       // up, down
void AddProjectCommands(CLI::App& parent, Action& action);  // project
void AddClassCommands(CLI::App& parent, Action& action);    // class
void AddStatusCommand(CLI::App& parent, Action& action);    // status
void AddImportCommand(CLI::App& parent, Action& action);    // import
void AddImageCommands(CLI::App& parent, Action& action);    // image
void AddTaskCommands(CLI::App& parent, Action& action);  // next, reopen, submit, skip, release, renew, queue
void AddWithdrawCommand(CLI::App& parent, Action& action);         // withdraw
void AddWithdrawalCommands(CLI::App& parent, Action& action);      // withdrawal
void AddAnnotateCommand(CLI::App& parent, Action& action);         // annotate
void AddRoundCommands(CLI::App& parent, Action& action);           // round
void AddModelCommands(CLI::App& parent, Action& action);           // model
void AddCompareCommand(CLI::App& model, Action& action);           // model compare
void AddProvenanceCommands(CLI::App& parent, Action& action);      // provenance
void AddCheckpointCommands(CLI::App& provenance, Action& action);  // provenance checkpoint, verify
void AddEventWatchCommand(CLI::App& provenance, Action& action);   // provenance watch
void AddQueryCommand(CLI::App& parent, Action& action);            // provenance query
void AddStatsCommand(CLI::App& provenance, Action& action);        // provenance stats
void AddInsightCommands(CLI::App& parent, Action& action);         // curve, check
void AddEstimateCommand(CLI::App& parent, Action& action);         // estimate
void AddLabelErrorsCommand(CLI::App& parent, Action& action);      // label-errors
void AddQualityCommand(CLI::App& parent, Action& action);          // quality
void AddReviewerCommands(CLI::App& parent, Action& action);        // reviewer
void AddExportCommand(CLI::App& parent, Action& action);           // export
void AddTokenCommands(CLI::App& parent, Action& action);           // token
void AddStorageCommands(CLI::App& parent, Action& action);         // storage

// Adds `--side pool|holdout`.
void AddSideOption(CLI::App* command, std::string& side);
// The side that the option names; SIDE_UNSPECIFIED when it is empty. Requires: the option was checked.
v1::Side SideOf(const std::string& side);

// Prints where copies of erased pictures may be.
void PrintWhereErasedPicturesAre();

// Prints a project, as a table or as JSON. Errors: that of `project`.
absl::Status PrintProject(const absl::StatusOr<v1::Project>& project, bool json);

// The context with the project's name also where it was the only one: for what runs so long that another may
// be created meanwhile. Errors: those of the RPC GetProject.
absl::StatusOr<Context> NamedProject(const Context& context, const CallOptions& options = kInteractive);

// The project's classes, from the coordinator. Errors: those of the RPC GetProject.
absl::StatusOr<ClassNames> FetchClasses(const Context& context, const CallOptions& options = kInteractive);

}  // namespace loupe
