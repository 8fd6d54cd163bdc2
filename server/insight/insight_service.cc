#include "server/insight/insight_service.h"

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "db/label_errors/label_error_store.h"
#include "db/stores/image_store.h"
#include "db/stores/project_store.h"
#include "proto/error_info.h"
#include "server/insight/curve.h"
#include "server/insight/disagreements.h"
#include "server/insight/image_prediction.h"
#include "server/insight/label_quality.h"
#include "server/insight/model_comparison.h"
#include "server/insight/model_quality.h"
#include "server/insight/pool_estimates.h"
#include "server/insight/representation.h"
#include "server/rpc/paging.h"

namespace loupe {
namespace {

// Of predictions, as they are stored.
constexpr double kLowestScore = 0.01;

// Errors: INVALID_ARGUMENT.
absl::Status CheckShare(const char* name, double value, double lowest = 0) {
  if (value >= lowest && value <= 1) return absl::OkStatus();  // NaN fails every comparison
  return InvalidArgument(absl::StrCat(name, " must be from ", lowest, " to 1"));
}

// The default is 0.5. Errors: INVALID_ARGUMENT.
template <typename Request>
absl::StatusOr<double> ScoreThresholdOf(const Request& request, double lowest = 0) {
  const double threshold = request.has_score_threshold() ? request.score_threshold() : 0.5;
  if (absl::Status status = CheckShare("score_threshold", threshold, lowest); !status.ok()) return status;
  return threshold;
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

// A page of a list of images, which have their ids alone in `all`. The token of a page is the number of those
// before it.
template <typename Response, typename Row>
Response PageOfImages(Transaction& transaction, ProjectId project, std::vector<Row> all, size_t start,
                      size_t size) {
  Response page;
  const size_t end = std::min(all.size(), start + size);
  std::vector<ImageId> ids;
  for (size_t i = start; i < end; ++i) ids.emplace_back(all[i].image().id());
  std::unordered_map<int64_t, v1::Image> images = ReadImages(transaction, project, ids);
  for (size_t i = start; i < end; ++i) {
    Row& row = *page.add_images();
    row = std::move(all[i]);
    *row.mutable_image() = std::move(images[row.image().id()]);
  }
  if (end < all.size()) page.set_next_page_token(absl::StrCat(end));
  return page;
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
        const absl::StatusOr<double> threshold = ScoreThresholdOf(*request);
        if (!threshold.ok()) return threshold.status();
        return Answer<v1::PoolEstimates>(
            call, kMethod, *request,
            [&](Transaction& transaction) { return ReadPoolEstimatesInput(transaction, *request); },
            [&](const PoolEstimatesInput& input) -> absl::StatusOr<v1::PoolEstimates> {
              v1::PoolEstimates estimates = MakePoolEstimates(input, *threshold);
              WithholdUncertain(input, estimates);
              return estimates;
            });
      });
}

grpc::Status InsightServiceImpl::GetLabelQuality(grpc::ServerContext* context,
                                                 const v1::GetLabelQualityRequest* request,
                                                 v1::LabelQuality* response) {
  constexpr char kMethod[] = "InsightService.GetLabelQuality";
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) {
    return Answer<v1::LabelQuality>(
        call, kMethod, *request,
        [&](Transaction& transaction) { return ReadLabelQualityInput(transaction, request->project()); },
        MakeLabelQuality);
  });
}

grpc::Status InsightServiceImpl::ListDisagreements(grpc::ServerContext* context,
                                                   const v1::ListDisagreementsRequest* request,
                                                   v1::ListDisagreementsResponse* response) {
  constexpr char kMethod[] = "InsightService.ListDisagreements";
  using Response = absl::StatusOr<v1::ListDisagreementsResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    const absl::StatusOr<int64_t> start = PageStart(request->page_token());
    if (!start.ok()) return start.status();
    const auto turn = calls_.WaitForTurn(call);
    if (!turn.ok()) return turn.status();
    return database_.Transact(
        call.LongRead(kMethod, Isolation::kRepeatableRead), [&](Transaction& transaction) -> Response {
          const absl::StatusOr<ProjectId> project = FindProject(transaction, request->project());
          if (!project.ok()) return project.status();
          std::vector<v1::Disagreement> all = FindDisagreements(ReadOpinionPairs(transaction, *project));
          const uint64_t total = all.size();
          auto page = PageOfImages<v1::ListDisagreementsResponse>(
              transaction, *project, std::move(all), static_cast<size_t>(*start),
              static_cast<size_t>(PageSize(request->page_size(), 20, 100)));
          page.set_total(total);
          return page;
        });
  });
}

grpc::Status InsightServiceImpl::ListLabelErrors(grpc::ServerContext* context,
                                                 const v1::ListLabelErrorsRequest* request,
                                                 v1::ListLabelErrorsResponse* response) {
  constexpr char kMethod[] = "InsightService.ListLabelErrors";
  using Response = absl::StatusOr<v1::ListLabelErrorsResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    const absl::StatusOr<int64_t> after = PageStart(request->page_token());
    if (!after.ok()) return after.status();
    const int size = PageSize(request->page_size(), 20, 100);
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) -> Response {
      const absl::StatusOr<ProjectId> project = FindProject(transaction, request->project());
      if (!project.ok()) return project.status();
      v1::ListLabelErrorsResponse page = CountLabelErrors(transaction, *project);
      for (v1::ListedLabelError& listed : ReadLabelErrors(transaction, *project, *after, size + 1)) {
        *page.add_errors() = std::move(listed);
      }
      if (CutPage(*page.mutable_errors(), size)) {
        page.set_next_page_token(absl::StrCat(page.errors(size - 1).error().id()));
      }
      return page;
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
            [&](const CurveInput& input) {
              absl::StatusOr<v1::Curve> curve = MakeCurve(input, *thresholds);
              if (!curve.ok() || !HasNewPoints(input)) return curve;
              // Transact logs what fails: the points are computed again then.
              (void)database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
                KeepPoints(transaction, input, *curve);
                return absl::OkStatus();
              });
              return curve;
            });
      });
}

grpc::Status InsightServiceImpl::GetPrediction(grpc::ServerContext* context,
                                               const v1::GetPredictionRequest* request,
                                               v1::Prediction* response) {
  constexpr char kMethod[] = "InsightService.GetPrediction";
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) {
    return database_.Transact({kMethod, call.deadline}, [&](Transaction& transaction) {
      return ReadPrediction(transaction, *request);
    });
  });
}

grpc::Status InsightServiceImpl::GetModelQuality(grpc::ServerContext* context,
                                                 const v1::GetModelQualityRequest* request,
                                                 v1::ModelQuality* response) {
  constexpr char kMethod[] = "InsightService.GetModelQuality";
  return calls_.Unary(
      context, kMethod, request, response, [&](const Call& call) -> absl::StatusOr<v1::ModelQuality> {
        const absl::StatusOr<double> threshold = ScoreThresholdOf(*request, kLowestScore);
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
    const absl::StatusOr<double> threshold = ScoreThresholdOf(*request, kLowestScore);
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

grpc::Status InsightServiceImpl::CompareModels(grpc::ServerContext* context,
                                               const v1::CompareModelsRequest* request,
                                               v1::ModelComparison* response) {
  constexpr char kMethod[] = "InsightService.CompareModels";
  return calls_.Unary(
      context, kMethod, request, response, [&](const Call& call) -> absl::StatusOr<v1::ModelComparison> {
        const absl::StatusOr<double> threshold = ScoreThresholdOf(*request);
        if (!threshold.ok()) return threshold.status();
        const auto turn = calls_.WaitForTurn(call);
        if (!turn.ok()) return turn.status();
        const absl::StatusOr<ComparisonInput> input = database_.Transact(
            call.LongRead(kMethod, Isolation::kRepeatableRead), [&](Transaction& transaction) {
              return ReadComparisonInput(transaction, request->project(), request->first(),
                                         request->second());
            });
        if (!input.ok()) return input.status();
        return loupe::CompareModels(*input, *threshold);
      });
}

grpc::Status InsightServiceImpl::ListModelDifferences(grpc::ServerContext* context,
                                                      const v1::ListModelDifferencesRequest* request,
                                                      v1::ListModelDifferencesResponse* response) {
  constexpr char kMethod[] = "InsightService.ListModelDifferences";
  using Response = absl::StatusOr<v1::ListModelDifferencesResponse>;
  return calls_.Unary(context, kMethod, request, response, [&](const Call& call) -> Response {
    const absl::StatusOr<double> threshold = ScoreThresholdOf(*request);
    if (!threshold.ok()) return threshold.status();
    const absl::StatusOr<int64_t> start = PageStart(request->page_token());
    if (!start.ok()) return start.status();
    const auto turn = calls_.WaitForTurn(call);
    if (!turn.ok()) return turn.status();
    return database_.Transact(
        call.LongRead(kMethod, Isolation::kRepeatableRead), [&](Transaction& transaction) -> Response {
          const absl::StatusOr<ComparisonInput> input =
              ReadComparisonInput(transaction, request->project(), request->first(), request->second());
          if (!input.ok()) return input.status();
          return PageOfImages<v1::ListModelDifferencesResponse>(
              transaction, input->project, FindDifferences(*input, *threshold, request->first_better()),
              static_cast<size_t>(*start), static_cast<size_t>(PageSize(request->page_size(), 20, 100)));
        });
  });
}

}  // namespace loupe
