#pragma once

#include <atomic>

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
  grpc::Status QueryBoxes(grpc::ServerContext* context, const v1::QueryBoxesRequest* request,
                          v1::QueryBoxesResponse* response) override;
  grpc::Status ExportBoxes(grpc::ServerContext* context, const v1::ExportBoxesRequest* request,
                           grpc::ServerWriter<v1::ExportBoxesResponse>* writer) override;

 private:
  // Each keeps eight bytes per labelled image while its client reads.
  static constexpr int kMaxExports = 8;

  RpcCalls& calls_;
  Database& database_;
  std::atomic<int> exports_ = 0;
};

}  // namespace loupe
