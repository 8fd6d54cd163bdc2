// loupe.v1.WorkerService: unary methods in worker_service.cc, streaming ones in worker_streams.cc.
#pragma once

#include "db/database.h"
#include "loupe/v1/worker.grpc.pb.h"
#include "server/blobs/blob_store.h"
#include "server/jobs/job_waiters.h"
#include "server/rpc/rpc_call.h"

namespace loupe {

// proto/loupe/v1/worker.proto says what each method does.
class WorkerServiceImpl final
    : public v1::WorkerService::WithCallbackMethod_LeaseJob<v1::WorkerService::Service> {
 public:
  // All must outlive it.
  WorkerServiceImpl(RpcCalls& calls, Database& database, const BlobStore& blobs)
      : calls_(calls), database_(database), blobs_(blobs), waiters_(calls, database) {}

  grpc::ServerUnaryReactor* LeaseJob(grpc::CallbackServerContext* context, const v1::LeaseJobRequest* request,
                                     v1::LeaseJobResponse* response) override {
    return waiters_.Add(context, request, response);
  }
  grpc::Status Heartbeat(grpc::ServerContext* context, const v1::HeartbeatRequest* request,
                         v1::HeartbeatResponse* response) override;
  grpc::Status ReleaseJob(grpc::ServerContext* context, const v1::ReleaseJobRequest* request,
                          v1::ReleaseJobResponse* response) override;
  grpc::Status ReadSnapshot(grpc::ServerContext* context, const v1::ReadSnapshotRequest* request,
                            grpc::ServerWriter<v1::SnapshotItem>* writer) override;
  grpc::Status ReadJobImages(grpc::ServerContext* context, const v1::ReadJobImagesRequest* request,
                             grpc::ServerWriter<v1::JobImage>* writer) override;
  grpc::Status ReadBlob(grpc::ServerContext* context, const v1::ReadBlobRequest* request,
                        grpc::ServerWriter<v1::ReadBlobResponse>* writer) override;
  grpc::Status WriteBlob(grpc::ServerContext* context, grpc::ServerReader<v1::WriteBlobRequest>* reader,
                         v1::WriteBlobResponse* response) override;
  grpc::Status SaveCheckpoint(grpc::ServerContext* context, const v1::SaveCheckpointRequest* request,
                              v1::SaveCheckpointResponse* response) override;
  grpc::Status DropCheckpoint(grpc::ServerContext* context, const v1::DropCheckpointRequest* request,
                              v1::DropCheckpointResponse* response) override;
  grpc::Status UploadPredictions(grpc::ServerContext* context,
                                 grpc::ServerReader<v1::UploadPredictionsRequest>* reader,
                                 v1::UploadPredictionsResponse* response) override;
  grpc::Status SetImageAside(grpc::ServerContext* context, const v1::SetImageAsideRequest* request,
                             v1::SetImageAsideResponse* response) override;
  grpc::Status CompleteJob(grpc::ServerContext* context, const v1::CompleteJobRequest* request,
                           v1::CompleteJobResponse* response) override;
  grpc::Status FailJob(grpc::ServerContext* context, const v1::FailJobRequest* request,
                       v1::FailJobResponse* response) override;

 private:
  absl::Status SendSnapshot(const Call& call, const v1::ReadSnapshotRequest& request,
                            grpc::ServerWriter<v1::SnapshotItem>& writer);
  absl::Status SendJobImages(const Call& call, const v1::ReadJobImagesRequest& request,
                             grpc::ServerWriter<v1::JobImage>& writer);
  // Errors: LeaseEnded, NOT_FOUND (NO_SUCH_BLOB).
  absl::Status CheckNeeded(const Call& call, const v1::ReadBlobRequest& request, const Sha256& blob);
  absl::Status TakeBlob(const Call& call, grpc::ServerReader<v1::WriteBlobRequest>& reader);
  absl::StatusOr<v1::UploadPredictionsResponse> TakePredictions(
      const Call& call, grpc::ServerReader<v1::UploadPredictionsRequest>& reader);

  RpcCalls& calls_;
  Database& database_;
  const BlobStore& blobs_;
  JobWaiters waiters_;
};

}  // namespace loupe
