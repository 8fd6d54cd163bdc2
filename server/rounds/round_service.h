// loupe.v1.RoundService.
#pragma once

#include "db/database.h"
#include "loupe/v1/round.grpc.pb.h"
#include "server/blobs/blob_store.h"
#include "server/rounds/round_watchers.h"
#include "server/rpc/rpc_call.h"

namespace loupe {

// proto/loupe/v1/round.proto says what each method does.
class RoundServiceImpl final
    : public v1::RoundService::WithCallbackMethod_WatchRound<v1::RoundService::Service> {
 public:
  // All must outlive it.
  RoundServiceImpl(RpcCalls& calls, Database& database, const BlobStore& blobs)
      : calls_(calls), database_(database), blobs_(blobs), watchers_(calls, database) {}

  grpc::Status SubmitRound(grpc::ServerContext* context, const v1::SubmitRoundRequest* request,
                           v1::Round* response) override;
  grpc::Status DescribeRecipe(grpc::ServerContext* context, const v1::DescribeRecipeRequest* request,
                              v1::RecipeDescription* response) override;
  grpc::Status PlanRound(grpc::ServerContext* context, const v1::PlanRoundRequest* request,
                         v1::RoundPlan* response) override;
  grpc::Status GetRound(grpc::ServerContext* context, const v1::GetRoundRequest* request,
                        v1::Round* response) override;
  grpc::Status ListRounds(grpc::ServerContext* context, const v1::ListRoundsRequest* request,
                          v1::ListRoundsResponse* response) override;
  grpc::Status CancelRound(grpc::ServerContext* context, const v1::CancelRoundRequest* request,
                           v1::Round* response) override;
  grpc::Status GetRoundLog(grpc::ServerContext* context, const v1::GetRoundLogRequest* request,
                           v1::RoundLog* response) override;
  grpc::ServerWriteReactor<v1::Round>* WatchRound(grpc::CallbackServerContext* context,
                                                  const v1::WatchRoundRequest* request) override {
    return watchers_.Add(context, request);
  }

 private:
  RpcCalls& calls_;
  Database& database_;
  const BlobStore& blobs_;
  RoundWatchers watchers_;
};

}  // namespace loupe
