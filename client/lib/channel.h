// Calls to a coordinator: channel, token, deadlines and retries.
//
//   absl::StatusOr<Connection> connection = Connect({.address = "127.0.0.1:7000", .token = token});
//   auto stub = v1::RoundService::NewStub(connection->channel());
//   absl::StatusOr<v1::Round> round = Call(*connection, *stub, &v1::RoundService::Stub::GetRound, request);
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/lib/request_text.h"
#include "client/lib/rpc_status.h"

namespace loupe {

struct Endpoint {
  std::string address;              // host:port
  std::string token;                // the secret that CreateToken returned
  std::filesystem::path ca_cert{};  // PEM file of the authority that signed the coordinator's certificate
};

class Connection {
 public:
  Connection(std::shared_ptr<grpc::Channel> channel, std::string token)
      : channel_(std::move(channel)), token_(std::move(token)) {}

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  // A context for one call, with token and deadline. Streams use it; for unary methods there is Call().
  std::unique_ptr<grpc::ClientContext> NewContext(absl::Duration deadline) const;

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::string token_;
};

// Makes a channel, with TLS when `ca_cert` is given. It doesn't wait for the coordinator; the first call
// does. Errors: INVALID_ARGUMENT (no address; or no certificate for another machine, which would send the
// token unencrypted), NOT_FOUND (the certificate's file).
absl::StatusOr<Connection> Connect(const Endpoint& endpoint);

// The token in a file: its first line, without white space.
// Errors: NOT_FOUND (no such file), INVALID_ARGUMENT (the file holds no token).
absl::StatusOr<std::string> ReadTokenFile(const std::filesystem::path& path);

struct CallOptions {
  absl::Duration deadline = absl::Seconds(30);  // of one attempt
  absl::Duration patience = absl::Seconds(10);  // how long to retry while the answer is "later"
};

// Whether the same call may succeed later: the coordinator, or a front before it, is away or has too much to
// do.
bool IsForLater(const absl::Status& status);

// Runs `attempt` until it returns what is not for later, or until `patience` is over.
// The wait between two attempts starts at 50 ms and doubles up to 2 s; each is multiplied by a random factor
// from 0.5 to 1.
absl::Status RetryUnavailable(absl::Duration patience, absl::FunctionRef<absl::Status()> attempt);

// A deadline for a stream of `bytes`: two minutes, plus a second per 256 KiB.
absl::Duration StreamDeadline(uint64_t bytes);

// Calls a unary method, and repeats the call while it is UNAVAILABLE. Every attempt sends the same request,
// so its request_id stays the same. Errors: those of CheckTexts; the coordinator's, whose reason ErrorReason
// (proto/error_info.h) tells.
template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Call(const Connection& connection, Stub& stub,
                              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                              const Request& request, const CallOptions& options = {}) {
  if (absl::Status texts = CheckTexts(request); !texts.ok()) return texts;
  Response response;
  absl::Status status = RetryUnavailable(options.patience, [&] {
    response.Clear();
    return FromGrpc((stub.*method)(connection.NewContext(options.deadline).get(), request, &response));
  });
  if (!status.ok()) return status;
  return response;
}

}  // namespace loupe
