// loupe.v1.ModelService.
#pragma once

#include "db/database.h"
#include "loupe/v1/model.grpc.pb.h"
#include "server/blobs/blob_store.h"
#include "server/rpc/rpc_call.h"

namespace loupe {

// proto/loupe/v1/model.proto says what each method does.
class ModelServiceImpl final : public v1::ModelService::Service {
 public:
  // All must outlive it.
  ModelServiceImpl(RpcCalls& calls, Database& database, const BlobStore& blobs)
      : calls_(calls), database_(database), blobs_(blobs) {}

  grpc::Status ListModels(grpc::ServerContext* context, const v1::ListModelsRequest* request,
                          v1::ListModelsResponse* response) override;
  grpc::Status GetModel(grpc::ServerContext* context, const v1::GetModelRequest* request,
                        v1::Model* response) override;
  grpc::Status ImportModel(grpc::ServerContext* context, grpc::ServerReader<v1::ImportModelRequest>* reader,
                           v1::Model* response) override;
  grpc::Status ExportModel(grpc::ServerContext* context, const v1::ExportModelRequest* request,
                           grpc::ServerWriter<v1::ExportModelResponse>* writer) override;
  grpc::Status PromoteModel(grpc::ServerContext* context, const v1::PromoteModelRequest* request,
                            v1::Model* response) override;
  grpc::Status RollbackModel(grpc::ServerContext* context, const v1::RollbackModelRequest* request,
                             v1::Model* response) override;

 private:
  absl::StatusOr<v1::Model> Import(const Call& call, grpc::ServerReader<v1::ImportModelRequest>& reader);

  RpcCalls& calls_;
  Database& database_;
  const BlobStore& blobs_;
};

}  // namespace loupe
