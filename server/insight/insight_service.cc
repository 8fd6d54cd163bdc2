#include "server/insight/insight_service.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "db/stores/project_store.h"
#include "proto/error_info.h"
#include "server/insight/curve.h"
#include "server/insight/pool_estimates.h"
#include "server/insight/representation.h"

namespace loupe {
namespace {

// Errors: INVALID_ARGUMENT.
absl::Status CheckShare(const char* name, double value) {
  if (value >= 0 && value <= 1) return absl::OkStatus();  // NaN fails every comparison
  return InvalidArgument(absl::StrCat(name, " must be from 0 to 1"));
}

// Errors: INVALID_ARGUMENT.
absl::StatusOr<ranking::StopThresholds> ThresholdsOf(const v1::GetCurveRequest& request) {
  for (const auto& [name, value] : {std::pair{"worthwhile_gain", request.worthwhile_gain()},
                                    std::pair{"interval_width", request.interval_width()}}) {
    if (absl::Status status = CheckShare(name, value); !status.ok()) return status;
  }
  ranking::StopThresholds thresholds;
  if (request.has_worthwhile_gain()) thresholds.gain = request.worthwhile_gain();
  if (request.has_boxes_per_class()) thresholds.boxes = request.boxes_per_class();
  if (request.has_interval_width()) thresholds.interval = request.interval_width();
  return thresholds;
}

// What tells the request apart from others, whatever the project's name is by then.
template <typename Request>
std::string QuestionOf(const char* method, ProjectId project, Request request) {
  request.clear_project();
  request.clear_max_age_seconds();
  return absl::StrCat(method, " ", project.value(), " ", request.SerializeAsString());
}

}  // namespace

template <typename Response, typename Request, typename Read, typename Make>
absl::StatusOr<Response> InsightServiceImpl::Answer(const Call& call, const char* method,
                                                    const Request& request, const Read& read,
                                                    const Make& make) {
  const absl::StatusOr<ProjectId> project = database_.Transact(
      {method, call.deadline},
      [&](Transaction& transaction) { return FindProject(transaction, request.project()); });
  if (!project.ok()) return project.status();
  return kept_.Get<Response>(QuestionOf(method, *project, request), absl::Seconds(request.max_age_seconds()),
                             call.deadline, [&]() -> absl::StatusOr<Response> {
                               const auto turn = calls_.WaitForTurn(call);
                               if (!turn.ok()) return turn.status();
                               const auto input = database_.Transact(
                                   call.LongRead(method, Isolation::kRepeatableRead), read);
                               if (!input.ok()) return input.status();
                               return make(*input);
                             });
}

grpc::Status InsightServiceImpl::EstimatePool(grpc::ServerContext* context,
                                              const v1::EstimatePoolRequest* request,
                                              v1::PoolEstimates* response) {
  constexpr char kMethod[] = "InsightService.EstimatePool";
  return calls_.Unary(
      context, kMethod, request, response, [&](const Call& call) -> absl::StatusOr<v1::PoolEstimates> {
        const double threshold = request->has_score_threshold() ? request->score_threshold() : 0.5;
        if (absl::Status status = CheckShare("score_threshold", threshold); !status.ok()) return status;
        return Answer<v1::PoolEstimates>(
            call, kMethod, *request,
            [&](Transaction& transaction) { return ReadPoolEstimatesInput(transaction, *request); },
            [&](const PoolEstimatesInput& input) -> absl::StatusOr<v1::PoolEstimates> {
              v1::PoolEstimates estimates = MakePoolEstimates(input, threshold);
              WithholdUncertain(input, estimates);
              return estimates;
            });
      });
}

grpc::Status InsightServiceImpl::CheckLabels(grpc::ServerContext* context,
                                             const v1::CheckLabelsRequest* request,
                                             v1::LabelCheck* response) {
  constexpr char kMethod[] = "InsightService.CheckLabels";
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) {
    return Answer<v1::LabelCheck>(
        call, kMethod, *request,
        [&](Transaction& transaction) { return ReadRepresentationInput(transaction, request->project()); },
        CheckRepresentation);
  });
}

grpc::Status InsightServiceImpl::GetCurve(grpc::ServerContext* context, const v1::GetCurveRequest* request,
                                          v1::Curve* response) {
  constexpr char kMethod[] = "InsightService.GetCurve";
  return calls_.Unary(
      context, kMethod, request, response, [&](const Call& call) -> absl::StatusOr<v1::Curve> {
        const absl::StatusOr<ranking::StopThresholds> thresholds = ThresholdsOf(*request);
        if (!thresholds.ok()) return thresholds.status();
        return Answer<v1::Curve>(
            call, kMethod, *request,
            [&](Transaction& transaction) { return ReadCurveInput(transaction, request->project()); },
            [&](const CurveInput& input) { return MakeCurve(input, *thresholds); });
      });
}

}  // namespace loupe
