// LabelingServiceImpl::RequestReviews, AssignImages and CancelRequests: looks that engineers ask for.

#include "absl/strings/str_cat.h"
#include "db/rows/message_row.h"
#include "db/stores/project_store.h"
#include "db/stores/request_store.h"
#include "db/stores/task_store.h"
#include "proto/error_info.h"
#include "server/labeling/labeling_service.h"
#include "server/labeling/who_labels.h"
#include "server/rpc/image_list.h"
#include "server/rpc/names.h"

namespace loupe {
namespace {

constexpr size_t kMaxRequestReason = 1000;  // characters

// Errors: as LabelingService.RequestReviews. `target`: a name; empty: anybody.
template <typename Response, typename Request>
absl::StatusOr<Response> Ask(Transaction& transaction, const Request& request, v1::TaskKind kind,
                             const std::string& target, PrincipalId by) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, request.project());
  if (!project.ok()) return project.status();
  PrincipalId who;
  if (!target.empty()) {
    const absl::StatusOr<PrincipalId> found = FindWhoLabels(transaction, target);
    if (!found.ok()) return found.status();
    who = *found;
  }
  return ResponseOf<Response>(
      RequestTasks(transaction, *project, ImageIds(request.image_ids()), kind, who, request.reason(), by));
}

template <typename Request>
absl::Status CheckAsked(const Request& request) {
  if (const absl::Status count = CheckImageCount(request.image_ids()); !count.ok()) return count;
  if (CharacterCount(request.reason()) <= kMaxRequestReason) return absl::OkStatus();
  return InvalidArgument(absl::StrCat("reason has more than ", kMaxRequestReason, " characters"));
}

}  // namespace

grpc::Status LabelingServiceImpl::RequestReviews(grpc::ServerContext* context,
                                                 const v1::RequestReviewsRequest* request,
                                                 v1::RequestReviewsResponse* response) {
  constexpr char kMethod[] = "LabelingService.RequestReviews";
  using Response = absl::StatusOr<v1::RequestReviewsResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    if (const absl::Status checked = CheckAsked(*request); !checked.ok()) return checked;
    const RequestKey key = KeyOf(call.principal.id, kMethod, request->request_id(), *request);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return WithRequestId<v1::RequestReviewsResponse>(transaction, key, [&] {
        return Ask<v1::RequestReviewsResponse>(transaction, *request, v1::REVIEW, request->reviewer(),
                                               call.principal.id);
      });
    });
  });
}

grpc::Status LabelingServiceImpl::AssignImages(grpc::ServerContext* context,
                                               const v1::AssignImagesRequest* request,
                                               v1::AssignImagesResponse* response) {
  constexpr char kMethod[] = "LabelingService.AssignImages";
  using Response = absl::StatusOr<v1::AssignImagesResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    if (const absl::Status checked = CheckAsked(*request); !checked.ok()) return checked;
    if (request->annotator().empty())
      return InvalidArgument("annotator must name who is to label the images");
    const RequestKey key = KeyOf(call.principal.id, kMethod, request->request_id(), *request);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return WithRequestId<v1::AssignImagesResponse>(transaction, key, [&] {
        return Ask<v1::AssignImagesResponse>(transaction, *request, v1::ASSIGNED, request->annotator(),
                                             call.principal.id);
      });
    });
  });
}

grpc::Status LabelingServiceImpl::CancelRequests(grpc::ServerContext* context,
                                                 const v1::CancelRequestsRequest* request,
                                                 v1::CancelRequestsResponse* response) {
  constexpr char kMethod[] = "LabelingService.CancelRequests";
  using Response = absl::StatusOr<v1::CancelRequestsResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    if (const absl::Status count = CheckImageCount(request->image_ids()); !count.ok()) return count;
    const RequestKey key = KeyOf(call.principal.id, kMethod, request->request_id(), *request);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return WithRequestId<v1::CancelRequestsResponse>(transaction, key, [&]() -> Response {
        const absl::StatusOr<ProjectId> project = FindProject(transaction, request->project());
        if (!project.ok()) return project.status();
        return ResponseOf<v1::CancelRequestsResponse>(
            loupe::CancelRequests(transaction, *project, ImageIds(request->image_ids())));
      });
    });
  });
}

}  // namespace loupe
