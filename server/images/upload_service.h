#pragma once

#include <set>
#include <string>
#include <vector>

#include "db/database.h"
#include "loupe/v1/upload.grpc.pb.h"
#include "server/blobs/blob_store.h"
#include "server/images/import_session.h"
#include "server/images/upload_plan.h"
#include "server/rpc/rpc_call.h"

namespace loupe {

// proto/loupe/v1/upload.proto says what each method does.
class UploadServiceImpl final : public v1::UploadService::Service {
 public:
  UploadServiceImpl(RpcCalls& calls, Database& database, const BlobStore& blobs)
      : calls_(calls), database_(database), blobs_(blobs) {}

  grpc::Status FindUploads(grpc::ServerContext* context, const v1::FindUploadsRequest* request,
                           v1::FindUploadsResponse* response) override;
  grpc::Status UploadPart(grpc::ServerContext* context, const v1::UploadPartRequest* request,
                          v1::UploadPartResponse* response) override;
  grpc::Status ImportUploads(grpc::ServerContext* context, const v1::ImportUploadsRequest* request,
                             grpc::ServerWriter<v1::ImportUploadsResponse>* writer) override;
  grpc::Status DropUploads(grpc::ServerContext* context, const v1::DropUploadsRequest* request,
                           v1::DropUploadsResponse* response) override;

 private:
  using Writer = grpc::ServerWriter<v1::ImportUploadsResponse>;

  // What is imported, by the names alone.
  absl::StatusOr<UploadPlan> Plan(const Call& call, const v1::Project& project,
                                  const v1::ImportUploadsRequest& request);
  // Imports what is planned.
  absl::StatusOr<v1::ImportResponse> Import(const Call& call, const v1::Project& project,
                                            const v1::ImportUploadsRequest& request, const UploadPlan& plan,
                                            Writer& writer);
  // Which of the files have come as a whole, or are pictures of the project.
  absl::StatusOr<std::set<Sha256>> FindComplete(const Call& call, const v1::Project& project,
                                                const std::vector<Sha256>& files);
  // Hands pictures to the session, and tells how far it is.
  absl::Status TakeFiles(const Call& call, const std::vector<v1::PictureHeader>& headers,
                         const std::vector<Sha256>& files, ImportSession& session, Writer& writer);
  // Erases those of these blobs that nothing needs.
  void EraseFreed(const std::vector<Sha256>& freed);
  // The bytes of a file that waits for the caller. Errors: FAILED_PRECONDITION (NOT_UPLOADED), INTERNAL.
  absl::StatusOr<std::string> ReadUpload(const Call& call, const std::string& name, const Sha256& hash);

  RpcCalls& calls_;
  Database& database_;
  const BlobStore& blobs_;
};

}  // namespace loupe
