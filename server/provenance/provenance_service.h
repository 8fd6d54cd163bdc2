#pragma once

#include <string>
#include <type_traits>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "db/database.h"
#include "db/lineage/chain_check.h"
#include "loupe/v1/provenance.grpc.pb.h"
#include "server/provenance/checkpoint_key.h"
#include "server/provenance/event_watchers.h"
#include "server/rpc/kept_answers.h"
#include "server/rpc/open_calls.h"
#include "server/rpc/rpc_call.h"

namespace loupe {

// proto/loupe/v1/provenance.proto says what each method does.
class ProvenanceServiceImpl final
    : public v1::ProvenanceService::WithCallbackMethod_WatchEvents<v1::ProvenanceService::Service> {
 public:
  ProvenanceServiceImpl(RpcCalls& calls, Database& database, const CheckpointKey& key)
      : calls_(calls), database_(database), key_(key), kept_(database), watchers_(calls, database) {}

  grpc::Status GetImageProvenance(grpc::ServerContext* context, const v1::GetImageProvenanceRequest* request,
                                  v1::ImageProvenance* response) override;
  grpc::Status GetBoxProvenance(grpc::ServerContext* context, const v1::GetBoxProvenanceRequest* request,
                                v1::BoxProvenance* response) override;
  grpc::Status GetModelProvenance(grpc::ServerContext* context, const v1::GetModelProvenanceRequest* request,
                                  v1::ModelProvenance* response) override;
  grpc::Status VerifyHistory(grpc::ServerContext* context, const v1::VerifyHistoryRequest* request,
                             v1::VerifyHistoryResponse* response) override;
  grpc::Status CreateCheckpoint(grpc::ServerContext* context, const v1::CreateCheckpointRequest* request,
                                grpc::ServerWriter<v1::CreateCheckpointResponse>* writer) override;
  grpc::Status VerifyCheckpoint(grpc::ServerContext* context,
                                grpc::ServerReader<v1::VerifyCheckpointRequest>* reader,
                                v1::VerifyHistoryResponse* response) override;
  grpc::ServerWriteReactor<v1::WatchEventsResponse>* WatchEvents(
      grpc::CallbackServerContext* context, const v1::WatchEventsRequest* request) override {
    return watchers_.Add(context, request);
  }
  grpc::Status QueryBoxes(grpc::ServerContext* context, const v1::QueryBoxesRequest* request,
                          v1::QueryBoxesResponse* response) override;
  grpc::Status ExportBoxes(grpc::ServerContext* context, const v1::ExportBoxesRequest* request,
                           grpc::ServerWriter<v1::ExportBoxesResponse>* writer) override;
  grpc::Status GetLabelStats(grpc::ServerContext* context, const v1::GetLabelStatsRequest* request,
                             v1::LabelStats* response) override;

 private:
  // Reads a part of what takes long, in its turn. The turn ends with it, before anybody waits for the client.
  template <typename Body>
  std::invoke_result_t<Body, Transaction&> ReadInTurn(const Call& call, const char* method, Body body) {
    const auto turn = calls_.WaitForTurn(call);
    if (!turn.ok()) return turn.status();
    return database_.Transact(call.LongRead(method, Isolation::kRepeatableRead), body);
  }

  // Calls `take` with the records of the project, and `check` with one part of its history after another.
  absl::Status WalkHistory(const Call& call, const char* method, const std::string& project,
                           absl::FunctionRef<absl::Status(ProjectId, const ProjectRecords&)> take,
                           absl::FunctionRef<absl::Status(const ChainCheck&)> check);
  absl::StatusOr<v1::VerifyHistoryResponse> Compare(const Call& call,
                                                    grpc::ServerReader<v1::VerifyCheckpointRequest>& reader);

  // Each keeps eight bytes per labelled image while its client reads.
  static constexpr int kMaxExportsEach = 2;  // of one principal
  static constexpr int kMaxExports = 8;

  RpcCalls& calls_;
  Database& database_;
  const CheckpointKey& key_;
  KeptAnswers kept_;
  EventWatchers watchers_;
  OpenCalls exports_{kMaxExportsEach, kMaxExports};
};

}  // namespace loupe
