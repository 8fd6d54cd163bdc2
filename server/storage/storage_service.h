// loupe.v1.StorageService.
#pragma once

#include <cstdint>

#include "absl/status/status.h"
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
  // Each of the 256 shards in a turn, which ends before the client is waited for.
  absl::Status CollectShard(const Call& call, uint8_t first_byte, bool dry_run,
                            v1::CollectStorageResponse& total);
  absl::Status VerifyShard(const Call& call, uint8_t first_byte, v1::VerifyStorageResponse& total);

  RpcCalls& calls_;
  Database& database_;
  const BlobStore& blobs_;
};

}  // namespace loupe
