// LabelingServiceImpl::Withdraw: takes labels back in bulk.

#include "db/rows/message_row.h"
#include "db/stores/label_store.h"
#include "db/stores/model_store.h"
#include "db/stores/project_store.h"
#include "db/stores/request_store.h"
#include "proto/error_info.h"
#include "server/labeling/labeling_service.h"
#include "server/rpc/names.h"

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

}  // namespace loupe
