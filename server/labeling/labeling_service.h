#pragma once

#include "db/database.h"
#include "loupe/v1/labeling.grpc.pb.h"
#include "server/rpc/rpc_call.h"

namespace loupe {

// proto/loupe/v1/labeling.proto says what each method does.
class LabelingServiceImpl final : public v1::LabelingService::Service {
 public:
  LabelingServiceImpl(RpcCalls& calls, Database& database) : calls_(calls), database_(database) {}

  grpc::Status NextTasks(grpc::ServerContext* context, const v1::NextTasksRequest* request,
                         v1::NextTasksResponse* response) override;
  grpc::Status ListOpenTasks(grpc::ServerContext* context, const v1::ListOpenTasksRequest* request,
                             v1::ListOpenTasksResponse* response) override;
  grpc::Status OpenTask(grpc::ServerContext* context, const v1::OpenTaskRequest* request,
                        v1::Task* response) override;
  grpc::Status Submit(grpc::ServerContext* context, const v1::SubmitRequest* request,
                      v1::SubmitResponse* response) override;
  grpc::Status Skip(grpc::ServerContext* context, const v1::SkipRequest* request,
                    v1::SkipResponse* response) override;
  grpc::Status Release(grpc::ServerContext* context, const v1::ReleaseRequest* request,
                       v1::ReleaseResponse* response) override;
  grpc::Status Renew(grpc::ServerContext* context, const v1::RenewRequest* request,
                     v1::RenewResponse* response) override;
  grpc::Status ListAnswers(grpc::ServerContext* context, const v1::ListAnswersRequest* request,
                           v1::ListAnswersResponse* response) override;
  grpc::Status GetOwnWork(grpc::ServerContext* context, const v1::GetOwnWorkRequest* request,
                          v1::OwnWork* response) override;
  grpc::Status Withdraw(grpc::ServerContext* context, const v1::WithdrawRequest* request,
                        v1::WithdrawResponse* response) override;
  grpc::Status ListWithdrawals(grpc::ServerContext* context, const v1::ListWithdrawalsRequest* request,
                               v1::ListWithdrawalsResponse* response) override;
  grpc::Status UndoWithdrawal(grpc::ServerContext* context, const v1::UndoWithdrawalRequest* request,
                              v1::UndoWithdrawalResponse* response) override;
  grpc::Status ListQueue(grpc::ServerContext* context, const v1::ListQueueRequest* request,
                         v1::ListQueueResponse* response) override;
  grpc::Status GetQueueSummary(grpc::ServerContext* context, const v1::GetQueueSummaryRequest* request,
                               v1::QueueSummary* response) override;
  grpc::Status RequestReviews(grpc::ServerContext* context, const v1::RequestReviewsRequest* request,
                              v1::RequestReviewsResponse* response) override;
  grpc::Status AssignImages(grpc::ServerContext* context, const v1::AssignImagesRequest* request,
                            v1::AssignImagesResponse* response) override;
  grpc::Status SetGoldImages(grpc::ServerContext* context, const v1::SetGoldImagesRequest* request,
                             v1::SetGoldImagesResponse* response) override;
  grpc::Status PauseReviewer(grpc::ServerContext* context, const v1::PauseReviewerRequest* request,
                             v1::PauseReviewerResponse* response) override;
  grpc::Status ResumeReviewer(grpc::ServerContext* context, const v1::ResumeReviewerRequest* request,
                              v1::ResumeReviewerResponse* response) override;
  grpc::Status CancelRequests(grpc::ServerContext* context, const v1::CancelRequestsRequest* request,
                              v1::CancelRequestsResponse* response) override;

 private:
  RpcCalls& calls_;
  Database& database_;
};

}  // namespace loupe
