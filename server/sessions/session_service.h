// loupe.v1.SessionService.
#pragma once

#include <string>

#include "db/database.h"
#include "loupe/v1/session.grpc.pb.h"
#include "server/rpc/rpc_call.h"

namespace loupe {

// proto/loupe/v1/session.proto says what each method does.
class SessionServiceImpl final : public v1::SessionService::Service {
 public:
  // Both must outlive it.
  SessionServiceImpl(RpcCalls& calls, Database& database) : calls_(calls), database_(database) {}

  // Where the page is, e.g. http://127.0.0.1:8080. Before the first call; without it there is no gateway.
  void set_page_url(std::string url) { page_url_ = std::move(url); }

  grpc::Status CreateLoginLink(grpc::ServerContext* context, const v1::CreateLoginLinkRequest* request,
                               v1::CreateLoginLinkResponse* response) override;
  grpc::Status ListSessions(grpc::ServerContext* context, const v1::ListSessionsRequest* request,
                            v1::ListSessionsResponse* response) override;
  grpc::Status EndSession(grpc::ServerContext* context, const v1::EndSessionRequest* request,
                          v1::EndSessionResponse* response) override;

 private:
  RpcCalls& calls_;
  Database& database_;
  std::string page_url_;
};

}  // namespace loupe
