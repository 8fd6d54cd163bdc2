#pragma once

#include "db/database.h"
#include "loupe/v1/provenance.grpc.pb.h"
#include "server/rpc/rpc_call.h"

namespace loupe {

// proto/loupe/v1/provenance.proto says what each method does.
class ProvenanceServiceImpl final : public v1::ProvenanceService::Service {
 public:
  ProvenanceServiceImpl(RpcCalls& calls, Database& database) : calls_(calls), database_(database) {}

  grpc::Status GetImageProvenance(grpc::ServerContext* context, const v1::GetImageProvenanceRequest* request,
                                  v1::ImageProvenance* response) override;
  grpc::Status GetBoxProvenance(grpc::ServerContext* context, const v1::GetBoxProvenanceRequest* request,
                                v1::BoxProvenance* response) override;
  grpc::Status GetModelProvenance(grpc::ServerContext* context, const v1::GetModelProvenanceRequest* request,
                                  v1::ModelProvenance* response) override;
  grpc::Status VerifyHistory(grpc::ServerContext* context, const v1::VerifyHistoryRequest* request,
                             v1::VerifyHistoryResponse* response) override;
  grpc::Status GetLabelStats(grpc::ServerContext* context, const v1::GetLabelStatsRequest* request,
                             v1::LabelStats* response) override;

 private:
  RpcCalls& calls_;
  Database& database_;
};

}  // namespace loupe
