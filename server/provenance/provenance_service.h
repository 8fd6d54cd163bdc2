#pragma once

#include "db/database.h"
#include "loupe/v1/provenance.grpc.pb.h"
#include "server/provenance/event_watchers.h"
#include "server/rpc/rpc_call.h"

namespace loupe {

// proto/loupe/v1/provenance.proto says what each method does.
class ProvenanceServiceImpl final
    : public v1::ProvenanceService::WithCallbackMethod_WatchEvents<v1::ProvenanceService::Service> {
 public:
  ProvenanceServiceImpl(RpcCalls& calls, Database& database)
      : calls_(calls), database_(database), watchers_(calls, database) {}

  grpc::Status GetImageProvenance(grpc::ServerContext* context, const v1::GetImageProvenanceRequest* request,
                                  v1::ImageProvenance* response) override;
  grpc::Status GetBoxProvenance(grpc::ServerContext* context, const v1::GetBoxProvenanceRequest* request,
                                v1::BoxProvenance* response) override;
  grpc::Status GetModelProvenance(grpc::ServerContext* context, const v1::GetModelProvenanceRequest* request,
                                  v1::ModelProvenance* response) override;
  grpc::Status VerifyHistory(grpc::ServerContext* context, const v1::VerifyHistoryRequest* request,
                             v1::VerifyHistoryResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchEventsResponse>* WatchEvents(
      grpc::CallbackServerContext* context, const v1::WatchEventsRequest* request) override {
    return watchers_.Add(context, request);
  }

 private:
  RpcCalls& calls_;
  Database& database_;
  EventWatchers watchers_;
};

}  // namespace loupe
