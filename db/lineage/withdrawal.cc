#include "db/lineage/withdrawal.h"

#include "db/rows/message_row.h"
#include "db/transaction.h"

namespace loupe {
namespace {

v1::ModelTrainedOn ModelTrainedOnOf(const pqxx::row& row) {
  v1::ModelTrainedOn trained;
  trained.set_model(row["model_number"].as<uint32_t>());
  trained.set_labels(row["trained_on"].as<uint64_t>());
  return trained;
}

v1::Withdrawal WithdrawalOf(const pqxx::row& row) {
  v1::Withdrawal withdrawal;
  withdrawal.set_withdrawal(row["id"].as<int64_t>());
  withdrawal.set_withdrawn_by(row["withdrawn_by"].as<std::string>());
  *withdrawal.mutable_withdrawn_at() = TimestampOf(row["created_at"]);
  withdrawal.set_reviewer(row["reviewer"].as<std::string>());
  withdrawal.set_model(row["model"].as<uint32_t>());
  if (!row["begins"].is_null()) *withdrawal.mutable_from() = TimestampOf(row["begins"]);
  if (!row["ends"].is_null()) *withdrawal.mutable_to() = TimestampOf(row["ends"]);
  withdrawal.set_revisions(row["revisions"].as<uint64_t>());
  withdrawal.set_images(row["images"].as<uint64_t>());
  withdrawal.set_undone_by(row["undone_by"].as<std::string>());
  if (!row["undone_at"].is_null()) *withdrawal.mutable_undone_at() = TimestampOf(row["undone_at"]);
  return withdrawal;
}

}  // namespace

v1::WithdrawResponse SummarizeWithdrawal(Transaction& transaction, const LabelsToWithdraw& labels) {
  v1::WithdrawResponse summary;
  const pqxx::row row =
      transaction
          .Exec("SummarizeWithdrawal", labels.project, labels.author, labels.model, labels.from, labels.to)
          .at(0);
  summary.set_revisions(row["revisions"].as<uint64_t>());
  summary.set_images(row["images"].as<uint64_t>());
  summary.set_earlier_truths(row["earlier_truths"].as<uint64_t>());
  summary.set_unlabelled_images(row["unlabelled"].as<uint64_t>());
  summary.set_unlabelled_holdout_images(row["unlabelled_holdout"].as<uint64_t>());
  for (const auto& model : transaction.Exec("SelectModelsTrainedOnLabels", labels.project, labels.author,
                                            labels.model, labels.from, labels.to)) {
    *summary.add_models() = ModelTrainedOnOf(model);
  }
  return summary;
}

v1::WithdrawResponse WithdrawLabels(Transaction& transaction, const LabelsToWithdraw& labels,
                                    PrincipalId by) {
  transaction.Exec("LockLabelsToWithdraw", labels.project, labels.author, labels.model, labels.from,
                   labels.to);
  v1::WithdrawResponse summary = SummarizeWithdrawal(transaction, labels);
  if (summary.revisions() == 0) return summary;
  const auto id =
      transaction
          .Exec("InsertWithdrawal", labels.project, labels.author, labels.model, labels.from, labels.to, by)
          .at(0)[0]
          .as<int64_t>();
  summary.set_withdrawal(id);
  transaction.Exec("WithdrawLabels", labels.project, labels.author, labels.model, labels.from, labels.to, by,
                   id);
  // The queue may have gone past them. The lock comes last, since the queue's upkeep waits for it.
  transaction.Exec("LockActiveRankings");
  transaction.Exec("RewindFirstOpen", labels.project);
  return summary;
}

std::vector<v1::Withdrawal> ListWithdrawals(Transaction& transaction, ProjectId project, WithdrawalId before,
                                            int limit) {
  std::vector<v1::Withdrawal> withdrawals;
  for (const auto& row : transaction.Exec("SelectWithdrawals", project, before, limit)) {
    withdrawals.push_back(WithdrawalOf(row));
  }
  return withdrawals;
}

std::optional<WithdrawalState> LockWithdrawal(Transaction& transaction, ProjectId project,
                                              WithdrawalId withdrawal) {
  const pqxx::result rows = transaction.Exec("LockWithdrawal", project, withdrawal);
  if (rows.empty()) return std::nullopt;
  return WithdrawalState{Nullable<std::string>(rows[0]["undone_by"]).value_or("")};
}

v1::UndoWithdrawalResponse SummarizeUndoing(Transaction& transaction, ProjectId project,
                                            WithdrawalId withdrawal) {
  v1::UndoWithdrawalResponse summary;
  const pqxx::row row = transaction.Exec("SummarizeUndoing", withdrawal).at(0);
  summary.set_revisions(row["revisions"].as<uint64_t>());
  summary.set_images(row["images"].as<uint64_t>());
  summary.set_labelled_images(row["labelled"].as<uint64_t>());
  summary.set_replaced_truths(row["replaced"].as<uint64_t>());
  for (const auto& model : transaction.Exec("SelectModelsTrainedOnRestored", project, withdrawal)) {
    *summary.add_models() = ModelTrainedOnOf(model);
  }
  return summary;
}

v1::UndoWithdrawalResponse UndoWithdrawal(Transaction& transaction, ProjectId project,
                                          WithdrawalId withdrawal, PrincipalId by) {
  transaction.Exec("LockLabelsToRestore", withdrawal);
  const v1::UndoWithdrawalResponse summary = SummarizeUndoing(transaction, project, withdrawal);
  transaction.Exec("RestoreLabels", withdrawal, by);
  transaction.Exec("EndWithdrawal", withdrawal, by);
  return summary;
}

}  // namespace loupe
