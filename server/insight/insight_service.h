// loupe.v1.InsightService.
#pragma once

#include "db/database.h"
#include "loupe/v1/insight.grpc.pb.h"
#include "server/rpc/kept_answers.h"
#include "server/rpc/rpc_call.h"

namespace loupe {

// proto/loupe/v1/insight.proto says what each method does.
class InsightServiceImpl final : public v1::InsightService::Service {
 public:
  // Both must outlive it.
  InsightServiceImpl(RpcCalls& calls, Database& database)
      : calls_(calls), database_(database), kept_(database) {}

  grpc::Status GetCurve(grpc::ServerContext* context, const v1::GetCurveRequest* request,
                        v1::Curve* response) override;
  grpc::Status CheckLabels(grpc::ServerContext* context, const v1::CheckLabelsRequest* request,
                           v1::LabelCheck* response) override;
  grpc::Status EstimatePool(grpc::ServerContext* context, const v1::EstimatePoolRequest* request,
                            v1::PoolEstimates* response) override;
  grpc::Status GetPrediction(grpc::ServerContext* context, const v1::GetPredictionRequest* request,
                             v1::Prediction* response) override;
  grpc::Status CompareModels(grpc::ServerContext* context, const v1::CompareModelsRequest* request,
                             v1::ModelComparison* response) override;
  grpc::Status ListModelDifferences(grpc::ServerContext* context,
                                    const v1::ListModelDifferencesRequest* request,
                                    v1::ListModelDifferencesResponse* response) override;
  grpc::Status GetModelQuality(grpc::ServerContext* context, const v1::GetModelQualityRequest* request,
                               v1::ModelQuality* response) override;
  grpc::Status ListBoxMatches(grpc::ServerContext* context, const v1::ListBoxMatchesRequest* request,
                              v1::ListBoxMatchesResponse* response) override;

  grpc::Status ListDisagreements(grpc::ServerContext* context, const v1::ListDisagreementsRequest* request,
                                 v1::ListDisagreementsResponse* response) override;
  grpc::Status ListLabelErrors(grpc::ServerContext* context, const v1::ListLabelErrorsRequest* request,
                               v1::ListLabelErrorsResponse* response) override;
  grpc::Status GetLabelQuality(grpc::ServerContext* context, const v1::GetLabelQualityRequest* request,
                               v1::LabelQuality* response) override;

 private:
  // Computes an answer in a turn of its own, unless one is kept that the request accepts.
  // `read`: ReadInput(transaction). `make`: the answer from what it read.
  template <typename Response, typename Request, typename Read, typename Make>
  absl::StatusOr<Response> Answer(const Call& call, const char* method, const Request& request,
                                  const Read& read, const Make& make);

  RpcCalls& calls_;
  Database& database_;
  KeptAnswers kept_;
};

}  // namespace loupe
