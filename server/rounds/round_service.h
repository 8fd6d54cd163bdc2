// loupe.v1.RoundService.
#pragma once

#include "db/database.h"
#include "loupe/v1/round.grpc.pb.h"
#include "server/rpc/rpc_call.h"

namespace loupe {

// proto/loupe/v1/round.proto says what each method does.
class RoundServiceImpl final : public v1::RoundService::Service {
 public:
  // Both must outlive it.
  RoundServiceImpl(RpcCalls& calls, Database& database) : calls_(calls), database_(database) {}

  grpc::Status SubmitRound(grpc::ServerContext* context, const v1::SubmitRoundRequest* request,
                           v1::Round* response) override;
  grpc::Status GetRound(grpc::ServerContext* context, const v1::GetRoundRequest* request,
                        v1::Round* response) override;
  grpc::Status ListRounds(grpc::ServerContext* context, const v1::ListRoundsRequest* request,
                          v1::ListRoundsResponse* response) override;
  grpc::Status CancelRound(grpc::ServerContext* context, const v1::CancelRoundRequest* request,
                           v1::Round* response) override;
  grpc::Status WatchRound(grpc::ServerContext* context, const v1::WatchRoundRequest* request,
                          grpc::ServerWriter<v1::Round>* writer) override;

 private:
  // Writes the round now and after every change, until it ends, the client goes away or the server drains.
  absl::Status Watch(const Call& call, v1::WatchRoundRequest request, grpc::ServerWriter<v1::Round>& writer);

  RpcCalls& calls_;
  Database& database_;
};

}  // namespace loupe
