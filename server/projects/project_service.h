#pragma once

#include "db/database.h"
#include "loupe/v1/project.grpc.pb.h"
#include "server/rpc/rpc_call.h"

namespace loupe {

// proto/loupe/v1/project.proto says what each method does.
class ProjectServiceImpl final : public v1::ProjectService::Service {
 public:
  ProjectServiceImpl(RpcCalls& calls, Database& database) : calls_(calls), database_(database) {}

  grpc::Status CreateProject(grpc::ServerContext* context, const v1::CreateProjectRequest* request,
                             v1::Project* response) override;
  grpc::Status RenameProject(grpc::ServerContext* context, const v1::RenameProjectRequest* request,
                             v1::Project* response) override;
  grpc::Status RenameClass(grpc::ServerContext* context, const v1::RenameClassRequest* request,
                           v1::Project* response) override;
  grpc::Status GetProject(grpc::ServerContext* context, const v1::GetProjectRequest* request,
                          v1::Project* response) override;
  grpc::Status ListProjects(grpc::ServerContext* context, const v1::ListProjectsRequest* request,
                            v1::ListProjectsResponse* response) override;
  grpc::Status GetStatus(grpc::ServerContext* context, const v1::GetStatusRequest* request,
                         v1::ProjectStatus* response) override;

 private:
  RpcCalls& calls_;
  Database& database_;
};

}  // namespace loupe
