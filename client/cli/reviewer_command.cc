// loupe reviewer
#include <cstdio>
#include <memory>
#include <string>

#include "client/cli/commands.h"
#include "client/cli/message_json.h"
#include "loupe/v1/labeling.grpc.pb.h"

namespace loupe {
namespace {

struct PauseOptions {
  std::string reviewer;
  std::string why;
  bool json = false;
};

struct ResumeOptions {
  std::string reviewer;
  bool json = false;
};

absl::Status Pause(const Context& context, const PauseOptions& options) {
  v1::PauseReviewerRequest request;
  request.set_request_id(NewRequestId());
  request.set_project(context.project());
  request.set_reviewer(options.reviewer);
  request.set_reason(options.why);
  const auto paused = Ask(context, &v1::LabelingService::Stub::PauseReviewer, request);
  if (!paused.ok()) return paused.status();
  if (options.json) {
    PrintJson({{"reviewer", options.reviewer}, {"paused", true}, {"reason", options.why}});
  } else {
    std::printf("%s gets no more tasks, and is told why; `loupe reviewer resume` ends that\n",
                Printable(options.reviewer).c_str());
  }
  return absl::OkStatus();
}

absl::Status Resume(const Context& context, const ResumeOptions& options) {
  v1::ResumeReviewerRequest request;
  request.set_request_id(NewRequestId());
  request.set_project(context.project());
  request.set_reviewer(options.reviewer);
  const auto resumed = Ask(context, &v1::LabelingService::Stub::ResumeReviewer, request);
  if (!resumed.ok()) return resumed.status();
  if (options.json) {
    PrintJson({{"reviewer", options.reviewer}, {"paused", false}});
  } else {
    std::printf("%s gets tasks again\n", Printable(options.reviewer).c_str());
  }
  return absl::OkStatus();
}

}  // namespace

void AddReviewerCommands(CLI::App& parent, Action& action) {
  CLI::App* reviewer =
      parent.add_subcommand("reviewer", "Say who gets tasks; `loupe quality` tells how they do");

  auto pause = std::make_shared<PauseOptions>();
  CLI::App* command = reviewer->add_subcommand("pause", "Give a person no more tasks of the project");
  command->add_option("reviewer", pause->reviewer, "The person's name")->required();
  command->add_option("--why", pause->why, "What the person is told")->required();
  command->add_flag("--json", pause->json, "Print JSON");
  OnChosen(command, action, pause, Pause);

  auto resume = std::make_shared<ResumeOptions>();
  command = reviewer->add_subcommand("resume", "Give a paused person tasks again");
  command->add_option("reviewer", resume->reviewer, "The person's name")->required();
  command->add_flag("--json", resume->json, "Print JSON");
  OnChosen(command, action, resume, Resume);
}

}  // namespace loupe
