// LabelingServiceImpl::PauseReviewer and ResumeReviewer: who gets no more tasks of a project.

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "db/reviewers/reviewer_watch_store.h"
#include "db/stores/principal_store.h"
#include "db/stores/project_store.h"
#include "db/stores/request_store.h"
#include "proto/error_info.h"
#include "server/labeling/labeling_service.h"
#include "server/labeling/who_labels.h"
#include "server/rpc/names.h"

namespace loupe {
namespace {

constexpr size_t kMaxPauseReason = 1000;  // characters

struct ProjectReviewer {
  ProjectId project;
  PrincipalId reviewer;
};

// `find`: ReadReviewer or FindWhoLabels. Errors: NOT_FOUND (NO_SUCH_PROJECT), and those of `find`.
template <typename Request, typename Find>
absl::StatusOr<ProjectReviewer> FindReviewerOf(Transaction& transaction, const Request& request,
                                               const Find& find) {
  const absl::StatusOr<ProjectId> project = FindProject(transaction, request.project());
  if (!project.ok()) return project.status();
  const absl::StatusOr<PrincipalId> reviewer = find(transaction, request.reviewer());
  if (!reviewer.ok()) return reviewer.status();
  return ProjectReviewer{*project, *reviewer};
}

}  // namespace

grpc::Status LabelingServiceImpl::PauseReviewer(grpc::ServerContext* context,
                                                const v1::PauseReviewerRequest* request,
                                                v1::PauseReviewerResponse* response) {
  constexpr char kMethod[] = "LabelingService.PauseReviewer";
  using Response = absl::StatusOr<v1::PauseReviewerResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    const bool is_blank = absl::StripAsciiWhitespace(request->reason()).empty();
    if (is_blank || CharacterCount(request->reason()) > kMaxPauseReason) {
      return InvalidArgument(
          absl::StrCat("reason must say in 1 to ", kMaxPauseReason, " characters why the person is paused"));
    }
    const RequestKey key = KeyOf(call.principal.id, kMethod, request->request_id(), *request);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return WithRequestId<v1::PauseReviewerResponse>(transaction, key, [&]() -> Response {
        const absl::StatusOr<ProjectReviewer> found = FindReviewerOf(transaction, *request, FindWhoLabels);
        if (!found.ok()) return found.status();
        loupe::PauseReviewer(transaction, found->project, found->reviewer, request->reason(),
                             call.principal.id);
        return v1::PauseReviewerResponse();
      });
    });
  });
}

grpc::Status LabelingServiceImpl::ResumeReviewer(grpc::ServerContext* context,
                                                 const v1::ResumeReviewerRequest* request,
                                                 v1::ResumeReviewerResponse* response) {
  constexpr char kMethod[] = "LabelingService.ResumeReviewer";
  using Response = absl::StatusOr<v1::ResumeReviewerResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    const RequestKey key = KeyOf(call.principal.id, kMethod, request->request_id(), *request);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return WithRequestId<v1::ResumeReviewerResponse>(transaction, key, [&]() -> Response {
        const absl::StatusOr<ProjectReviewer> found = FindReviewerOf(transaction, *request, ReadReviewer);
        if (!found.ok()) return found.status();
        if (loupe::ResumeReviewer(transaction, found->project, found->reviewer))
          return v1::ResumeReviewerResponse();
        return Error(absl::StatusCode::kFailedPrecondition, "NOT_PAUSED",
                     absl::StrCat(request->reviewer(), " isn't paused in this project"));
      });
    });
  });
}

}  // namespace loupe
