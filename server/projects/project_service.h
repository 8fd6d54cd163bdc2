#pragma once

#include "db/database.h"
#include "loupe/v1/project.grpc.pb.h"
#include "server/blobs/blob_store.h"
#include "server/rpc/kept_answers.h"
#include "server/rpc/rpc_call.h"

namespace loupe {

// proto/loupe/v1/project.proto says what each method does.
class ProjectServiceImpl final : public v1::ProjectService::Service {
 public:
  ProjectServiceImpl(RpcCalls& calls, Database& database, const BlobStore& blobs)
      : calls_(calls), database_(database), blobs_(blobs), kept_(database) {}

  grpc::Status CreateProject(grpc::ServerContext* context, const v1::CreateProjectRequest* request,
                             v1::Project* response) override;
  grpc::Status RenameProject(grpc::ServerContext* context, const v1::RenameProjectRequest* request,
                             v1::Project* response) override;
  grpc::Status RenameClass(grpc::ServerContext* context, const v1::RenameClassRequest* request,
                           v1::Project* response) override;
  grpc::Status SetClassDisplay(grpc::ServerContext* context, const v1::SetClassDisplayRequest* request,
                               v1::Project* response) override;
  grpc::Status SetQualityControl(grpc::ServerContext* context, const v1::SetQualityControlRequest* request,
                                 v1::Project* response) override;
  grpc::Status SetIntensityRange(grpc::ServerContext* context, const v1::SetIntensityRangeRequest* request,
                                 v1::Project* response) override;
  grpc::Status AddClass(grpc::ServerContext* context, const v1::AddClassRequest* request,
                        v1::Project* response) override;
  grpc::Status RetireClass(grpc::ServerContext* context, const v1::RetireClassRequest* request,
                           v1::Project* response) override;
  grpc::Status DeleteProject(grpc::ServerContext* context, const v1::DeleteProjectRequest* request,
                             v1::DeleteProjectResponse* response) override;
  grpc::Status SetGuidelines(grpc::ServerContext* context, const v1::SetGuidelinesRequest* request,
                             v1::Guidelines* response) override;
  grpc::Status GetGuidelines(grpc::ServerContext* context, const v1::GetGuidelinesRequest* request,
                             v1::Guidelines* response) override;
  grpc::Status GetProject(grpc::ServerContext* context, const v1::GetProjectRequest* request,
                          v1::Project* response) override;
  grpc::Status ListProjects(grpc::ServerContext* context, const v1::ListProjectsRequest* request,
                            v1::ListProjectsResponse* response) override;
  grpc::Status GetStatus(grpc::ServerContext* context, const v1::GetStatusRequest* request,
                         v1::ProjectStatus* response) override;

 private:
  // Finds the project that the request names, calls `change(transaction, project, caller)`, and returns the
  // project as it is then. Once per request_id.
  template <typename Request, typename Change>
  grpc::Status ChangeProject(grpc::ServerContext* context, const char* method, const Request* request,
                             v1::Project* response, const Change& change);

  RpcCalls& calls_;
  Database& database_;
  const BlobStore& blobs_;
  KeptAnswers kept_;
};

}  // namespace loupe
