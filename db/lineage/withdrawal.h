// Labels that are taken back in bulk, by further revisions, and given back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "db/ids.h"
#include "loupe/v1/labeling.pb.h"

namespace loupe {

class Transaction;

// Revisions that were written as the truth, of one project: all of them that match each of these.
struct LabelsToWithdraw {
  ProjectId project;
  std::optional<PrincipalId> author;
  std::optional<ModelId> model;  // they hold a box that was accepted as it predicted it
  std::optional<absl::Time> from;
  std::optional<absl::Time> to;  // not included
};

// What WithdrawLabels would change.
v1::WithdrawResponse SummarizeWithdrawal(Transaction& transaction, const LabelsToWithdraw& labels);

// Takes labels back. Locks: the images, then the active rankings.
v1::WithdrawResponse WithdrawLabels(Transaction& transaction, const LabelsToWithdraw& labels, PrincipalId by);

// At most `limit` withdrawals with ids below `before`, newest first.
std::vector<v1::Withdrawal> ListWithdrawals(Transaction& transaction, ProjectId project, WithdrawalId before,
                                            int limit);

struct WithdrawalState {
  std::string undone_by;  // the name of a token; empty: it stands
};

// nullopt: the project has no such withdrawal. Locks: the withdrawal.
std::optional<WithdrawalState> LockWithdrawal(Transaction& transaction, ProjectId project,
                                              WithdrawalId withdrawal);

// What UndoWithdrawal would change.
v1::UndoWithdrawalResponse SummarizeUndoing(Transaction& transaction, ProjectId project,
                                            WithdrawalId withdrawal);

// Gives back what is still withdrawn. Requires: LockWithdrawal, and nobody undid it. Locks: the images.
v1::UndoWithdrawalResponse UndoWithdrawal(Transaction& transaction, ProjectId project,
                                          WithdrawalId withdrawal, PrincipalId by);

}  // namespace loupe
