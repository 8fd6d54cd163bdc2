// loupe withdrawal list|undo
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/cli/commands.h"
#include "client/cli/message_json.h"
#include "client/lib/request_id.h"
#include "loupe/v1/labeling.grpc.pb.h"

namespace loupe {
namespace {

struct WithdrawalListOptions {
  bool json = false;
};

struct UndoOptions {
  int64_t withdrawal = 0;
  bool dry_run = false;
  bool json = false;
};

absl::StatusOr<std::vector<v1::Withdrawal>> FetchWithdrawals(const Context& context) {
  std::vector<v1::Withdrawal> withdrawals;
  v1::ListWithdrawalsRequest request;
  request.set_project(context.project());
  request.set_page_size(1000);
  do {
    const auto page = Ask(context, &v1::LabelingService::Stub::ListWithdrawals, request);
    if (!page.ok()) return page.status();
    withdrawals.insert(withdrawals.end(), page->withdrawals().begin(), page->withdrawals().end());
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return withdrawals;
}

// Which labels, in words.
std::string CriteriaText(const v1::Withdrawal& withdrawal) {
  std::vector<std::string> words;
  if (!withdrawal.reviewer().empty()) words.push_back(absl::StrCat("of ", withdrawal.reviewer()));
  if (withdrawal.model() != 0) words.push_back(absl::StrCat("from model ", withdrawal.model()));
  if (withdrawal.has_from()) words.push_back(absl::StrCat("from ", TimeText(withdrawal.from())));
  if (withdrawal.has_to()) words.push_back(absl::StrCat("before ", TimeText(withdrawal.to())));
  return words.empty() ? "-" : absl::StrJoin(words, ", ");
}

Json ListedWithdrawalJson(const v1::Withdrawal& withdrawal) {
  return {{"withdrawal", withdrawal.withdrawal()},
          {"withdrawn_by", withdrawal.withdrawn_by()},
          {"withdrawn_at", TimeText(withdrawal.withdrawn_at())},
          {"reviewer", withdrawal.reviewer().empty() ? Json() : Json(withdrawal.reviewer())},
          {"model", withdrawal.model() == 0 ? Json() : Json(withdrawal.model())},
          {"from", withdrawal.has_from() ? Json(TimeText(withdrawal.from())) : Json()},
          {"to", withdrawal.has_to() ? Json(TimeText(withdrawal.to())) : Json()},
          {"revisions", withdrawal.revisions()},
          {"images", withdrawal.images()},
          {"undone_by", withdrawal.has_undone_at() ? Json(withdrawal.undone_by()) : Json()},
          {"undone_at", withdrawal.has_undone_at() ? Json(TimeText(withdrawal.undone_at())) : Json()}};
}

absl::Status ListThem(const Context& context, const WithdrawalListOptions& options) {
  const auto withdrawals = FetchWithdrawals(context);
  if (!withdrawals.ok()) return withdrawals.status();
  if (options.json) {
    Json json = {{"withdrawals", Json::array()}};
    for (const v1::Withdrawal& one : *withdrawals) json["withdrawals"].push_back(ListedWithdrawalJson(one));
    PrintJson(json);
    return absl::OkStatus();
  }
  Table table({"withdrawal", "labels", "images", "which", "by", "at", "undone by"});
  for (const v1::Withdrawal& one : *withdrawals) {
    table.Add({absl::StrCat(one.withdrawal()), absl::StrCat(one.revisions()), absl::StrCat(one.images()),
               CriteriaText(one), one.withdrawn_by(), TimeText(one.withdrawn_at()),
               one.has_undone_at() ? one.undone_by() : "-"});
  }
  table.Print();
  return absl::OkStatus();
}

void PrintUndoing(const v1::UndoWithdrawalResponse& undone, bool dry_run) {
  std::printf("%s of %s %s restored\n", Counted(undone.revisions(), "label").c_str(),
              Counted(undone.images(), "image").c_str(),
              dry_run                   ? "would be"
              : undone.revisions() == 1 ? "was"
                                        : "were");
  if (undone.revisions() == 0) return;
  std::printf("labelled again, and no longer queued: %s\n",
              Counted(undone.labelled_images(), "image").c_str());
  std::printf("back to a later label: %s\n", Counted(undone.replaced_truths(), "image").c_str());
  std::printf(
      "with a newer label, which stays: %s\n",
      Counted(undone.images() - undone.labelled_images() - undone.replaced_truths(), "image").c_str());
  for (const v1::ModelTrainedOn& one : undone.models()) {
    std::printf("model %u learned from %s of these\n", one.model(), Counted(one.labels(), "label").c_str());
  }
}

absl::Status Undo(const Context& context, const UndoOptions& options) {
  v1::UndoWithdrawalRequest request;
  request.set_request_id(NewRequestId());
  request.set_project(context.project());
  request.set_withdrawal(options.withdrawal);
  request.set_dry_run(options.dry_run);
  const auto undone = Ask(context, &v1::LabelingService::Stub::UndoWithdrawal, request);
  if (!undone.ok()) return undone.status();
  if (!options.json) {
    PrintUndoing(*undone, options.dry_run);
    return absl::OkStatus();
  }
  Json json = {{"dry_run", options.dry_run},
               {"revisions", undone->revisions()},
               {"images", undone->images()},
               {"labelled_images", undone->labelled_images()},
               {"replaced_truths", undone->replaced_truths()},
               {"models", Json::array()}};
  for (const v1::ModelTrainedOn& one : undone->models()) {
    json["models"].push_back({{"model", one.model()}, {"labels", one.labels()}});
  }
  PrintJson(json);
  return absl::OkStatus();
}

}  // namespace

void AddWithdrawalCommands(CLI::App& parent, Action& action) {
  CLI::App* withdrawal =
      parent.add_subcommand("withdrawal", "What `loupe withdraw` took back, and giving it back");

  auto list = std::make_shared<WithdrawalListOptions>();
  CLI::App* command = withdrawal->add_subcommand("list", "Withdrawals, newest first");
  command->add_flag("--json", list->json, "Print JSON");
  OnChosen(command, action, list, ListThem);

  auto undo = std::make_shared<UndoOptions>();
  command = withdrawal->add_subcommand("undo",
                                       "Give back what a withdrawal took. Images get these labels again, "
                                       "unless they have newer ones; the history keeps everything");
  command->add_option("withdrawal", undo->withdrawal, "Its number, as `loupe withdrawal list` prints it")
      ->required();
  command->add_flag("--dry-run", undo->dry_run, "Say what would change, and change nothing");
  command->add_flag("--json", undo->json, "Print JSON");
  OnChosen(command, action, undo, Undo);
}

}  // namespace loupe
