// loupe withdraw
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/message_json.h"
#include "client/cli/option_check.h"
#include "client/cli/time_option.h"
#include "client/lib/request_id.h"
#include "loupe/v1/labeling.grpc.pb.h"

namespace loupe {
namespace {

struct WithdrawOptions {
  std::string reviewer;
  std::string model;
  std::string from;
  std::string to;
  bool dry_run = false;
  bool json = false;
};

Json WithdrawalJson(const v1::WithdrawResponse& withdrawal, bool dry_run) {
  Json json = {{"dry_run", dry_run},
               {"revisions", withdrawal.revisions()},
               {"images", withdrawal.images()},
               {"earlier_truths", withdrawal.earlier_truths()},
               {"unlabelled_images", withdrawal.unlabelled_images()},
               {"unlabelled_holdout_images", withdrawal.unlabelled_holdout_images()},
               {"withdrawal", withdrawal.withdrawal() == 0 ? Json() : Json(withdrawal.withdrawal())},
               {"models", Json::array()}};
  for (const v1::ModelTrainedOn& one : withdrawal.models()) {
    json["models"].push_back({{"model", one.model()}, {"labels", one.labels()}});
  }
  return json;
}

void PrintWithdrawal(const v1::WithdrawResponse& withdrawal, bool dry_run) {
  std::printf("%s of %s %s withdrawn\n", Counted(withdrawal.revisions(), "label").c_str(),
              Counted(withdrawal.images(), "image").c_str(),
              dry_run                       ? "would be"
              : withdrawal.revisions() == 1 ? "was"
                                            : "were");
  if (withdrawal.revisions() == 0) return;
  std::printf("without a label then, and queued again: %s, %lu of them of the holdout\n",
              Counted(withdrawal.unlabelled_images(), "image").c_str(),
              withdrawal.unlabelled_holdout_images());
  std::printf("back to an earlier label: %s\n", Counted(withdrawal.earlier_truths(), "image").c_str());
  for (const v1::ModelTrainedOn& one : withdrawal.models()) {
    std::printf("model %u learned from %s of these\n", one.model(), Counted(one.labels(), "label").c_str());
  }
  if (!dry_run) std::printf("to undo it: loupe withdrawal undo %ld\n", withdrawal.withdrawal());
}

absl::Status Withdraw(const Context& context, const WithdrawOptions& options) {
  v1::WithdrawRequest request;
  request.set_request_id(NewRequestId());
  request.set_project(context.project());
  request.set_reviewer(options.reviewer);
  request.set_model(options.model);
  request.set_dry_run(options.dry_run);
  if (!options.from.empty()) {
    const absl::Status read = ReadTime("--from", options.from, 0, *request.mutable_from());
    if (!read.ok()) return read;
  }
  if (!options.to.empty()) {
    const absl::Status read = ReadTime("--to", options.to, 1, *request.mutable_to());
    if (!read.ok()) return read;
  }
  const auto withdrawal = Ask(context, &v1::LabelingService::Stub::Withdraw, request);
  if (!withdrawal.ok()) return withdrawal.status();
  options.json ? PrintJson(WithdrawalJson(*withdrawal, options.dry_run))
               : PrintWithdrawal(*withdrawal, options.dry_run);
  return absl::OkStatus();
}

}  // namespace

void AddWithdrawCommand(CLI::App& parent, Action& action) {
  auto withdraw = std::make_shared<WithdrawOptions>();
  CLI::App* command = parent.add_subcommand("withdraw",
                                            "Take labels back: those that match all that is given. Images "
                                            "get their earlier label, or none, and are "
                                            "queued again; the history keeps everything");
  CLI::Option_group* which = command->add_option_group("which labels");
  which->add_option("--reviewer", withdraw->reviewer, "Those of this person: the token's name")
      ->check(RefuseEmpty);
  which
      ->add_option("--model", withdraw->model,
                   "Those that hold a box as this model predicted it: its name or number")
      ->check(RefuseEmpty);
  which
      ->add_option("--from", withdraw->from,
                   "Those given since then: 2026-11-29, from whose beginning on (UTC), or "
                   "2026-11-29T08:30:00Z")
      ->check(RefuseEmpty);
  which
      ->add_option("--to", withdraw->to,
                   "Those given before then: 2026-11-29, until whose end (UTC), or 2026-11-29T08:30:00Z")
      ->check(RefuseEmpty);
  which->require_option(1, 4);
  command->add_flag("--dry-run", withdraw->dry_run, "Say what would change, and change nothing");
  command->add_flag("--json", withdraw->json, "Print JSON");
  OnChosen(command, action, withdraw, Withdraw);
}

}  // namespace loupe
