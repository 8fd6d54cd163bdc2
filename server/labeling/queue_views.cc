// LabelingServiceImpl::ListQueue and GetQueueSummary: the queue for those who look at it.

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "db/stores/project_store.h"
#include "db/stores/ranking_store.h"
#include "proto/error_info.h"
#include "server/labeling/labeling_service.h"
#include "server/rpc/paging.h"

namespace loupe {
namespace {

// Entries that a call looks at. Whether a model predicts a class takes longer to tell.
constexpr uint64_t kMostWalked = 20'000;
constexpr uint64_t kMostWalkedForClass = 5'000;
constexpr uint64_t kMostCounted = 10'000;
constexpr int kMostRequestsCounted = 2'000;
constexpr int kRequestsListed = 24;
constexpr int kHeldListed = 100;

// Errors: NOT_FOUND (NO_SUCH_CLASS).
absl::StatusOr<std::optional<uint32_t>> LabelOfFilter(Transaction& transaction, ProjectId project,
                                                      const std::string& name) {
  if (name.empty()) return std::nullopt;
  for (const v1::Class& one : ReadClasses(transaction, project)) {
    if (one.name() == name && !one.retired()) return one.label();
  }
  return Error(
      absl::StatusCode::kNotFound, "NO_SUCH_CLASS",
      absl::StrCat("the project has no class \"", name, "\" in use: `loupe class list` tells its classes"));
}

}  // namespace

grpc::Status LabelingServiceImpl::ListQueue(grpc::ServerContext* context, const v1::ListQueueRequest* request,
                                            v1::ListQueueResponse* response) {
  constexpr char kMethod[] = "LabelingService.ListQueue";
  using Response = absl::StatusOr<v1::ListQueueResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    const absl::StatusOr<int64_t> from = PageStart(request->page_token());
    if (!from.ok()) return from.status();
    const int limit = PageSize(request->page_size(), 100, 10'000);
    const uint64_t walked = request->class_name().empty() ? kMostWalked : kMostWalkedForClass;
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) -> Response {
      const absl::StatusOr<ProjectId> project = FindProject(transaction, request->project());
      if (!project.ok()) return project.status();
      const auto label = LabelOfFilter(transaction, *project, request->class_name());
      if (!label.ok()) return label.status();
      v1::ListQueueResponse page;
      const std::optional<QueueStart> start =
          FindQueueStart(transaction, *project, static_cast<uint64_t>(*from), walked);
      if (!start.has_value()) return page;
      const QueueFilter filter = {request->slice(), *label, request->unanswered()};
      for (v1::QueueEntry& entry : ReadQueue(transaction, *start, walked, filter, limit + 1)) {
        *page.add_entries() = std::move(entry);
      }
      if (CutPage(*page.mutable_entries(), limit)) {
        page.set_next_page_token(absl::StrCat(page.entries(limit - 1).reason().position() + 1));
      } else if (start->has_more) {
        page.set_next_page_token(absl::StrCat(start->position + walked));
      }
      return page;
    });
  });
}

grpc::Status LabelingServiceImpl::GetQueueSummary(grpc::ServerContext* context,
                                                  const v1::GetQueueSummaryRequest* request,
                                                  v1::QueueSummary* response) {
  constexpr char kMethod[] = "LabelingService.GetQueueSummary";
  using Response = absl::StatusOr<v1::QueueSummary>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) -> Response {
      const absl::StatusOr<ProjectId> project = FindProject(transaction, request->project());
      if (!project.ok()) return project.status();
      v1::QueueSummary summary;
      if (const auto start = FindQueueStart(transaction, *project, 0, kMostCounted)) {
        summary.set_generation(start->generation);
        summary.set_model(start->model);
        *summary.mutable_active_since() = start->active_since;
        summary.set_has_more(start->has_more);
        AddSliceCounts(transaction, *start, kMostCounted, summary);
      }
      AddRequests(transaction, *project, kMostRequestsCounted, kRequestsListed, summary);
      AddHeldImages(transaction, *project, kHeldListed, summary);
      return summary;
    });
  });
}

}  // namespace loupe
