// What every method of every service goes through: token, role, deadline, log, errors.
#pragma once

#include <atomic>
#include <utility>

#include <google/protobuf/message.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/status.h>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "db/stores/principal_store.h"
#include "server/rpc/auth.h"

namespace loupe {

// A call that was let in.
struct Call {
  Principal principal;
  absl::Time deadline;  // for Database::Transact
  grpc::ServerContext& context;

  // The client went away, or its deadline has passed.
  bool cancelled() const { return context.IsCancelled(); }
};

// libpqxx cuts texts at a NUL. Errors: INVALID_ARGUMENT, naming the field. Streams call it for each message
// that comes in; Unary and Stream do it for the request they are given.
absl::Status RefuseNul(const google::protobuf::Message& message);

class RpcCalls {
 public:
  // Statements of a unary call end by then, whatever its deadline; what is computed of them may take longer.
  static constexpr absl::Duration kMaxUnary = absl::Minutes(1);

  explicit RpcCalls(Database& database) : authenticator_(database) {}

  // `method`: as server/rpc/access.h names it. `body(const Call&)` returns absl::StatusOr<Response>.
  template <typename Request, typename Response, typename Body>
  grpc::Status Unary(grpc::ServerContext* context, const char* method, const Request* request,
                     Response* response, Body body) {
    return Run(context, method, request, kMaxUnary, [&](const Call& call) -> absl::Status {
      absl::StatusOr<Response> answer = body(call);
      if (!answer.ok()) return answer.status();
      *response = *std::move(answer);
      return absl::OkStatus();
    });
  }

  // For methods that stream. `request`: null when requests are streamed. The body sees to it that it ends
  // soon after call.cancelled() or draining().
  grpc::Status Stream(grpc::ServerContext* context, const char* method,
                      const google::protobuf::Message* request,
                      absl::FunctionRef<absl::Status(const Call&)> body) {
    return Run(context, method, request, absl::InfiniteDuration(), body);
  }

  // From now on nothing is handed out.
  void Drain() { draining_ = true; }
  bool draining() const { return draining_; }

  // UNAVAILABLE (SHUTTING_DOWN) while draining, else OK.
  absl::Status RefuseWhenDraining() const;

 private:
  grpc::Status Run(grpc::ServerContext* context, const char* method, const google::protobuf::Message* request,
                   absl::Duration max_duration, absl::FunctionRef<absl::Status(const Call&)> body);

  Authenticator authenticator_;
  std::atomic<bool> draining_ = false;
};

}  // namespace loupe
