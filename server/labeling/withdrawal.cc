// LabelingServiceImpl::Withdraw, ListWithdrawals and UndoWithdrawal: labels that are taken back in bulk.

#include <limits>

#include "absl/strings/str_cat.h"
#include "db/lineage/withdrawal.h"
#include "db/rows/message_row.h"
#include "db/stores/model_store.h"
#include "db/stores/project_store.h"
#include "db/stores/request_store.h"
#include "proto/error_info.h"
#include "server/labeling/labeling_service.h"
#include "server/rpc/names.h"
#include "server/rpc/paging.h"

namespace loupe {
namespace {

// Errors: INVALID_ARGUMENT.
absl::Status CheckRequest(const v1::WithdrawRequest& request) {
  if (request.reviewer().empty() && request.model().empty() && !request.has_from() && !request.has_to()) {
    return InvalidArgument("say which labels: of a reviewer, of a model, from or to a time");
  }
  if (!IsStorable(request.from()) || !IsStorable(request.to())) {
    return InvalidArgument("from and to must be within the years 1970 to 9999");
  }
  if (request.has_from() && request.has_to() && TimeOf(request.from()) >= TimeOf(request.to())) {
    return InvalidArgument("from must be before to");
  }
  return absl::OkStatus();
}

// Errors: NOT_FOUND (NO_SUCH_PROJECT, NO_SUCH_REVIEWER, NO_SUCH_MODEL).
absl::StatusOr<LabelsToWithdraw> FindLabels(Transaction& transaction, const v1::WithdrawRequest& request) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, request.project());
  if (!project.ok()) return project.status();
  LabelsToWithdraw labels;
  labels.project = *project;
  if (!request.reviewer().empty()) {
    const absl::StatusOr<PrincipalId> author = ReadReviewer(transaction, request.reviewer());
    if (!author.ok()) return author.status();
    labels.author = *author;
  }
  if (!request.model().empty()) {
    const absl::StatusOr<ModelRow> model = ReadNamedModel(transaction, *project, request.model());
    if (!model.ok()) return model.status();
    labels.model = model->id;
  }
  if (request.has_from()) labels.from = TimeOf(request.from());
  if (request.has_to()) labels.to = TimeOf(request.to());
  return labels;
}

// Locks: the withdrawal. Errors: NOT_FOUND (NO_SUCH_WITHDRAWAL), FAILED_PRECONDITION (WITHDRAWAL_UNDONE).
absl::Status LockStandingWithdrawal(Transaction& transaction, ProjectId project, WithdrawalId withdrawal) {
  const std::optional<WithdrawalState> state = LockWithdrawal(transaction, project, withdrawal);
  if (!state.has_value()) {
    return Error(absl::StatusCode::kNotFound, "NO_SUCH_WITHDRAWAL",
                 absl::StrCat("the project has no withdrawal ", withdrawal.value(),
                              ": `loupe withdrawal list` tells which there are"));
  }
  if (state->undone_by.empty()) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "WITHDRAWAL_UNDONE",
               absl::StrCat("withdrawal ", withdrawal.value(), " was undone already, by ", state->undone_by));
}

absl::StatusOr<v1::UndoWithdrawalResponse> Undo(Transaction& transaction,
                                                const v1::UndoWithdrawalRequest& request, PrincipalId by) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, request.project());
  if (!project.ok()) return project.status();
  const WithdrawalId withdrawal(request.withdrawal());
  const absl::Status standing = LockStandingWithdrawal(transaction, *project, withdrawal);
  if (!standing.ok()) return standing;
  if (request.dry_run()) return SummarizeUndoing(transaction, *project, withdrawal);
  return loupe::UndoWithdrawal(transaction, *project, withdrawal, by);
}

}  // namespace

grpc::Status LabelingServiceImpl::Withdraw(grpc::ServerContext* context, const v1::WithdrawRequest* request,
                                           v1::WithdrawResponse* response) {
  constexpr char kMethod[] = "LabelingService.Withdraw";
  using Response = absl::StatusOr<v1::WithdrawResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    if (const absl::Status valid = CheckRequest(*request); !valid.ok()) return valid;
    const RequestKey key = KeyOf(call.principal.id, kMethod, request->request_id(), *request);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) -> Response {
      if (request->dry_run()) {
        const absl::StatusOr<LabelsToWithdraw> labels = FindLabels(transaction, *request);
        if (!labels.ok()) return labels.status();
        return SummarizeWithdrawal(transaction, *labels);
      }
      return WithRequestId<v1::WithdrawResponse>(transaction, key, [&]() -> Response {
        const absl::StatusOr<LabelsToWithdraw> labels = FindLabels(transaction, *request);
        if (!labels.ok()) return labels.status();
        return WithdrawLabels(transaction, *labels, call.principal.id);
      });
    });
  });
}

grpc::Status LabelingServiceImpl::ListWithdrawals(grpc::ServerContext* context,
                                                  const v1::ListWithdrawalsRequest* request,
                                                  v1::ListWithdrawalsResponse* response) {
  constexpr char kMethod[] = "LabelingService.ListWithdrawals";
  using Response = absl::StatusOr<v1::ListWithdrawalsResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    // A token is the last withdrawal of its page.
    const absl::StatusOr<int64_t> from = PageStart(request->page_token());
    if (!from.ok()) return from.status();
    const WithdrawalId before(*from == 0 ? std::numeric_limits<int64_t>::max() : *from);
    const int limit = PageSize(request->page_size(), 100, 1000);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) -> Response {
      const absl::StatusOr<ProjectId> project = FindProject(transaction, request->project());
      if (!project.ok()) return project.status();
      v1::ListWithdrawalsResponse page;
      for (v1::Withdrawal& one : loupe::ListWithdrawals(transaction, *project, before, limit + 1)) {
        *page.add_withdrawals() = std::move(one);
      }
      if (CutPage(*page.mutable_withdrawals(), limit)) {
        page.set_next_page_token(absl::StrCat(page.withdrawals(limit - 1).withdrawal()));
      }
      return page;
    });
  });
}

grpc::Status LabelingServiceImpl::UndoWithdrawal(grpc::ServerContext* context,
                                                 const v1::UndoWithdrawalRequest* request,
                                                 v1::UndoWithdrawalResponse* response) {
  constexpr char kMethod[] = "LabelingService.UndoWithdrawal";
  using Response = absl::StatusOr<v1::UndoWithdrawalResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    const RequestKey key = KeyOf(call.principal.id, kMethod, request->request_id(), *request);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) -> Response {
      if (request->dry_run()) return Undo(transaction, *request, call.principal.id);
      return WithRequestId<v1::UndoWithdrawalResponse>(
          transaction, key, [&] { return Undo(transaction, *request, call.principal.id); });
    });
  });
}

}  // namespace loupe
