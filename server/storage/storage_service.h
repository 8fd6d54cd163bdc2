// loupe.v1.StorageService.
#pragma once

#include "db/database.h"
#include "loupe/v1/storage.grpc.pb.h"
#include "server/blobs/blob_store.h"
#include "server/rpc/rpc_call.h"

namespace loupe {

// proto/loupe/v1/storage.proto says what each method does.
class StorageServiceImpl final : public v1::StorageService::Service {
 public:
  // All must outlive it.
  StorageServiceImpl(RpcCalls& calls, Database& database, const BlobStore& blobs)
      : calls_(calls), database_(database), blobs_(blobs) {}

  grpc::Status GetStorage(grpc::ServerContext* context, const v1::GetStorageRequest* request,
                          v1::Storage* response) override;
  grpc::Status CollectStorage(grpc::ServerContext* context, const v1::CollectStorageRequest* request,
                              grpc::ServerWriter<v1::CollectStorageResponse>* writer) override;
  grpc::Status VerifyStorage(grpc::ServerContext* context, const v1::VerifyStorageRequest* request,
                             grpc::ServerWriter<v1::VerifyStorageResponse>* writer) override;

 private:
  RpcCalls& calls_;
  Database& database_;
  const BlobStore& blobs_;
};

}  // namespace loupe
