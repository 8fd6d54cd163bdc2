// LabelingServiceImpl::ListAnswers and GetOwnWork: what the caller has done.

#include <limits>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "db/planted/planted_tasks.h"
#include "db/rows/message_row.h"
#include "db/stores/project_store.h"
#include "db/stores/task_store.h"
#include "proto/error_info.h"
#include "server/labeling/labeling_service.h"
#include "server/labeling/labelled_image.h"
#include "server/reviewers/reviewer_windows.h"
#include "server/rpc/paging.h"

namespace loupe {
namespace {

void HidePlantedStandings(std::vector<OwnAnswer>& answers) {
  for (OwnAnswer& own : answers) {
    if (own.answer.standing() == v1::STANDING_PLANTED) own.answer.set_standing(v1::STANDING_TRUTH);
  }
}

// Tells of answers to planted tasks whether the error was caught when the task was answered.
void Reveal(Transaction& transaction, ProjectId project, PrincipalId principal,
            std::vector<OwnAnswer>& answers) {
  std::vector<ImageId> images;
  for (const OwnAnswer& own : answers) {
    if (own.answer.standing() == v1::STANDING_PLANTED) images.emplace_back(own.answer.image().id());
  }
  if (images.empty()) return;
  std::map<ImageId, bool> caught;
  for (const PlantedAnswer& planted : ReadPlantedAnswersOf(transaction, project, principal, images)) {
    caught[planted.image] = IsCaught(planted);
  }
  for (OwnAnswer& own : answers) {
    const auto found = caught.find(ImageId(own.answer.image().id()));
    if (found != caught.end()) own.answer.set_caught(found->second);
  }
}

}  // namespace

grpc::Status LabelingServiceImpl::ListAnswers(grpc::ServerContext* context,
                                              const v1::ListAnswersRequest* request,
                                              v1::ListAnswersResponse* response) {
  constexpr char kMethod[] = "LabelingService.ListAnswers";
  using Response = absl::StatusOr<v1::ListAnswersResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    // A token is the last revision of its page.
    const absl::StatusOr<int64_t> from = PageStart(request->page_token());
    if (!from.ok()) return from.status();
    const RevisionId before(*from == 0 ? std::numeric_limits<int64_t>::max() : *from);
    const int limit = PageSize(request->page_size(), 50, 1000);
    const bool opens_any = call.principal.role != v1::ANNOTATOR;
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) -> Response {
      const absl::StatusOr<ProjectId> project = FindProject(transaction, request->project());
      if (!project.ok()) return project.status();
      std::vector<OwnAnswer> answers =
          ReadAnswers(transaction, *project, call.principal.id, opens_any, before, limit + 1);
      if (ReadProject(transaction, *project).reveal_planted()) {
        Reveal(transaction, *project, call.principal.id, answers);
      } else if (call.principal.role == v1::ANNOTATOR) {
        HidePlantedStandings(answers);
      }
      v1::ListAnswersResponse page;
      for (OwnAnswer& own : answers) {
        HideFromWhoLabels(call.principal.role, *own.answer.mutable_image());
        *page.add_answers() = std::move(own.answer);
      }
      if (CutPage(*page.mutable_answers(), limit)) {
        page.set_next_page_token(absl::StrCat(answers[static_cast<size_t>(limit) - 1].revision.value()));
      }
      return page;
    });
  });
}

grpc::Status LabelingServiceImpl::GetOwnWork(grpc::ServerContext* context,
                                             const v1::GetOwnWorkRequest* request, v1::OwnWork* response) {
  constexpr char kMethod[] = "LabelingService.GetOwnWork";
  using Response = absl::StatusOr<v1::OwnWork>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    if (!IsStorable(request->since())) {
      return InvalidArgument("since must be within the years 1970 to 9999");
    }
    const absl::Time since = TimeOf(request->since());
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) -> Response {
      const absl::StatusOr<ProjectId> project = FindProject(transaction, request->project());
      if (!project.ok()) return project.status();
      const PrincipalId principal = call.principal.id;
      v1::OwnWork work = SumWork(transaction, *project, principal, since);
      work.set_open_tasks(static_cast<uint32_t>(FindOpenTasks(transaction, *project, principal).size()));
      work.set_skipped_images(CountSkipped(transaction, *project, principal));
      return work;
    });
  });
}

}  // namespace loupe
