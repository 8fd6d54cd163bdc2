#include "server/insight/insight_service.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "proto/error_info.h"
#include "server/insight/curve.h"
#include "server/insight/model_quality.h"
#include "server/insight/pool_estimates.h"
#include "server/insight/representation.h"
#include "server/rpc/paging.h"

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

// Of GetModelQuality and ListBoxMatches. Errors: INVALID_ARGUMENT.
template <typename Request>
absl::StatusOr<double> FoundFrom(const Request& request) {
  const double threshold = request.has_score_threshold() ? request.score_threshold() : 0.5;
  if (threshold >= 0.01 && threshold <= 1) return threshold;  // NaN fails every comparison
  return InvalidArgument("score_threshold must be from 0.01 to 1");
}

}  // namespace

grpc::Status InsightServiceImpl::EstimatePool(grpc::ServerContext* context,
                                              const v1::EstimatePoolRequest* request,
                                              v1::PoolEstimates* response) {
  constexpr char kMethod[] = "InsightService.EstimatePool";
  return calls_.Unary(
      context, kMethod, request, response, [&](const Call& call) -> absl::StatusOr<v1::PoolEstimates> {
        const double threshold = request->has_score_threshold() ? request->score_threshold() : 0.5;
        if (absl::Status status = CheckShare("score_threshold", threshold); !status.ok()) return status;
        const auto turn = calls_.WaitForTurn(call);
        if (!turn.ok()) return turn.status();
        const absl::StatusOr<PoolEstimatesInput> input = database_.Transact(
            call.LongRead(kMethod, Isolation::kRepeatableRead),
            [&](Transaction& transaction) { return ReadPoolEstimatesInput(transaction, *request); });
        if (!input.ok()) return input.status();
        v1::PoolEstimates estimates = MakePoolEstimates(*input, threshold);
        WithholdUncertain(*input, estimates);
        return estimates;
      });
}

grpc::Status InsightServiceImpl::CheckLabels(grpc::ServerContext* context,
                                             const v1::CheckLabelsRequest* request,
                                             v1::LabelCheck* response) {
  constexpr char kMethod[] = "InsightService.CheckLabels";
  return calls_.Unary(
      context, kMethod, request, response, [&](const Call& call) -> absl::StatusOr<v1::LabelCheck> {
        const auto turn = calls_.WaitForTurn(call);
        if (!turn.ok()) return turn.status();
        const absl::StatusOr<RepresentationInput> input = database_.Transact(
            call.LongRead(kMethod, Isolation::kRepeatableRead), [&](Transaction& transaction) {
              return ReadRepresentationInput(transaction, request->project());
            });
        if (!input.ok()) return input.status();
        return CheckRepresentation(*input);
      });
}

grpc::Status InsightServiceImpl::GetCurve(grpc::ServerContext* context, const v1::GetCurveRequest* request,
                                          v1::Curve* response) {
  constexpr char kMethod[] = "InsightService.GetCurve";
  return calls_.Unary(
      context, kMethod, request, response, [&](const Call& call) -> absl::StatusOr<v1::Curve> {
        const absl::StatusOr<ranking::StopThresholds> thresholds = ThresholdsOf(*request);
        if (!thresholds.ok()) return thresholds.status();
        const auto turn = calls_.WaitForTurn(call);
        if (!turn.ok()) return turn.status();
        const absl::StatusOr<CurveInput> input = database_.Transact(
            call.LongRead(kMethod, Isolation::kRepeatableRead),
            [&](Transaction& transaction) { return ReadCurveInput(transaction, request->project()); });
        if (!input.ok()) return input.status();
        return MakeCurve(*input, *thresholds);
      });
}

grpc::Status InsightServiceImpl::GetModelQuality(grpc::ServerContext* context,
                                                 const v1::GetModelQualityRequest* request,
                                                 v1::ModelQuality* response) {
  constexpr char kMethod[] = "InsightService.GetModelQuality";
  return calls_.Unary(
      context, kMethod, request, response, [&](const Call& call) -> absl::StatusOr<v1::ModelQuality> {
        const absl::StatusOr<double> threshold = FoundFrom(*request);
        if (!threshold.ok()) return threshold.status();
        const auto turn = calls_.WaitForTurn(call);
        if (!turn.ok()) return turn.status();
        const absl::StatusOr<JudgedModel> judged = database_.Transact(
            call.LongRead(kMethod, Isolation::kRepeatableRead), [&](Transaction& transaction) {
              return ReadJudgedModel(transaction, request->project(), request->model(), v1::HOLDOUT);
            });
        if (!judged.ok()) return judged.status();
        return MeasureQuality(*judged, *threshold);
      });
}

grpc::Status InsightServiceImpl::ListBoxMatches(grpc::ServerContext* context,
                                                const v1::ListBoxMatchesRequest* request,
                                                v1::ListBoxMatchesResponse* response) {
  constexpr char kMethod[] = "InsightService.ListBoxMatches";
  using Response = absl::StatusOr<v1::ListBoxMatchesResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    const absl::StatusOr<double> threshold = FoundFrom(*request);
    if (!threshold.ok()) return threshold.status();
    const absl::StatusOr<int64_t> first = PageStart(request->page_token());
    if (!first.ok()) return first.status();
    if (request->kind() < v1::MATCHED || request->kind() > v1::MISSED) {
      return InvalidArgument("kind must be one of MatchKind");
    }
    const auto turn = calls_.WaitForTurn(call);
    if (!turn.ok()) return turn.status();
    const absl::StatusOr<JudgedModel> judged =
        database_.Transact(call.LongRead(kMethod, Isolation::kRepeatableRead), [&](Transaction& transaction) {
          return ReadJudgedModel(transaction, request->project(), request->model(), request->side());
        });
    if (!judged.ok()) return judged.status();
    v1::ListBoxMatchesResponse page = FindMatches(*judged, *request, *threshold, static_cast<size_t>(*first),
                                                  PageSize(request->page_size(), 24, 200));
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) -> Response {
      DescribeImages(transaction, judged->project, page);
      return page;
    });
  });
}

}  // namespace loupe
