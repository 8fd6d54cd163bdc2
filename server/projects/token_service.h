#pragma once

#include "db/database.h"
#include "loupe/v1/token.grpc.pb.h"
#include "server/rpc/rpc_call.h"

namespace loupe {

// proto/loupe/v1/token.proto says what each method does.
class TokenServiceImpl final : public v1::TokenService::Service {
 public:
  TokenServiceImpl(RpcCalls& calls, Database& database) : calls_(calls), database_(database) {}

  grpc::Status CreateToken(grpc::ServerContext* context, const v1::CreateTokenRequest* request,
                           v1::CreateTokenResponse* response) override;
  grpc::Status ListTokens(grpc::ServerContext* context, const v1::ListTokensRequest* request,
                          v1::ListTokensResponse* response) override;
  grpc::Status RevokeToken(grpc::ServerContext* context, const v1::RevokeTokenRequest* request,
                           v1::RevokeTokenResponse* response) override;

 private:
  RpcCalls& calls_;
  Database& database_;
};

}  // namespace loupe
