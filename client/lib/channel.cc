#include "client/lib/channel.h"

#include <chrono>
#include <utility>

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include "absl/random/random.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "content/loopback.h"
#include "content/read_file.h"
#include "content/steady_clock.h"
#include "proto/error_info.h"

namespace loupe {
namespace {

// Larger than any message of the protocol: pictures and weights travel in chunks of 1 MiB.
constexpr int kMaxReceiveBytes = 64 << 20;
constexpr int kFirstReconnectMs = 50;
constexpr int kMaxReconnectMs = 2000;
constexpr absl::Duration kFirstWait = absl::Milliseconds(50);
constexpr absl::Duration kMaxWait = absl::Seconds(2);

bool IsOfThisMachine(const std::string& address) {
  return IsLoopback(HostOf(address)) || absl::StartsWith(address, "unix:");
}

}  // namespace

std::unique_ptr<grpc::ClientContext> Connection::NewContext(absl::Duration deadline) const {
  auto context = std::make_unique<grpc::ClientContext>();
  context->AddMetadata("authorization", absl::StrCat("Bearer ", token_));
  context->set_deadline(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(deadline));
  return context;
}

absl::StatusOr<Connection> Connect(const Endpoint& endpoint) {
  if (endpoint.address.empty()) return absl::InvalidArgumentError("the coordinator's address is empty");
  std::shared_ptr<grpc::ChannelCredentials> credentials;
  if (!endpoint.ca_cert.empty()) {
    const absl::StatusOr<std::string> pem = ReadFile(endpoint.ca_cert);
    if (!pem.ok()) return pem.status();
    credentials = grpc::SslCredentials({.pem_root_certs = *pem, .pem_private_key = "", .pem_cert_chain = ""});
  } else if (IsOfThisMachine(endpoint.address)) {
    credentials = grpc::InsecureChannelCredentials();
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat(endpoint.address,
                     " is not on this machine: give the coordinator's CA certificate "
                     "(--ca-cert FILE), so that the token is sent encrypted"));
  }
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxReceiveBytes);
  // gRPC would wait up to two minutes between attempts to connect: too long for a coordinator that restarts.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kMaxReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMs);
  // A proxy in the environment is meant for the web, not for a coordinator.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return Connection(grpc::CreateCustomChannel(endpoint.address, credentials, arguments), endpoint.token);
}

absl::StatusOr<std::string> ReadTokenFile(const std::filesystem::path& path) {
  const absl::StatusOr<std::string> text = ReadFile(path);
  if (!text.ok()) return text.status();
  const std::string token(absl::StripAsciiWhitespace(text->substr(0, text->find('\n'))));
  for (const char c : token) {
    if (!absl::ascii_isgraph(static_cast<unsigned char>(c))) {
      return absl::InvalidArgumentError(absl::StrCat(
          "the file ", path.string(), " holds characters that no token has: give the token's file"));
    }
  }
  if (token.empty())
    return absl::InvalidArgumentError(absl::StrCat("the token file ", path.string(), " is empty"));
  return token;
}

bool IsForLater(const absl::Status& status) {
  if (absl::IsUnavailable(status)) return true;
  // What gRPC makes of a front whose coordinator went away. No service answers so.
  if (absl::StrContains(status.message(), "RST_STREAM") || status.message() == "Stream removed") {
    return ErrorReason(status).empty();
  }
  if (!absl::IsResourceExhausted(status)) return false;
  // The second is what gRPC itself answers.
  return ErrorReason(status) == "TOO_MANY_CALLS" || status.message() == "Server Threadpool Exhausted";
}

absl::Status RetryUnavailable(absl::Duration patience, absl::FunctionRef<absl::Status()> attempt) {
  const Stopwatch tried;
  absl::BitGen random;
  absl::Duration wait = kFirstWait;
  while (true) {
    absl::Status status = attempt();
    const absl::Duration left = patience - tried.Elapsed();
    if (!IsForLater(status) || left <= absl::ZeroDuration()) return status;
    absl::SleepFor(std::min(wait * absl::Uniform(random, 0.5, 1.0), left));
    wait = std::min(2 * wait, kMaxWait);
  }
}

absl::Duration StreamDeadline(uint64_t bytes) {
  return absl::Minutes(2) + absl::Seconds(static_cast<int64_t>(bytes / (256 << 10)));
}

}  // namespace loupe
