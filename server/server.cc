#include "server/server.h"

#include <utility>

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace loupe {
namespace {

// Calls that are served at the same time; a watcher holds a thread for as long as it watches.
constexpr int kMaxThreads = 256;
constexpr size_t kMaxMemoryBytes = size_t{256} << 20;  // of gRPC's own buffers
constexpr int kMaxMessageBytes = 4 << 20;
constexpr int kConnectionAgeMs = 60 * 60 * 1000;
constexpr int kConnectionGraceMs = 10 * 60 * 1000;  // for calls under way when a connection gets too old
constexpr int kKeepaliveMs = 60 * 1000;
constexpr int kKeepaliveTimeoutMs = 20 * 1000;
constexpr int kMinPingMs = 10 * 1000;  // how often a client may ask for a sign of life

std::shared_ptr<grpc::ServerCredentials> Credentials(const ServerOptions& options) {
  if (options.tls_certificate.empty()) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions tls;
  tls.pem_key_cert_pairs.push_back({options.tls_key, options.tls_certificate});
  return grpc::SslServerCredentials(tls);
}

void SetLimits(grpc::ServerBuilder& builder) {
  grpc::ResourceQuota quota("loupe-server");
  quota.Resize(kMaxMemoryBytes);
  quota.SetMaxThreads(kMaxThreads);
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  // Two coordinators on one port would each get a part of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, kConnectionAgeMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, kConnectionGraceMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kMinPingMs);
}

}  // namespace

Server::Server(const ServerOptions& options, BlobStore blobs)
    : database_(options.database_url),
      blobs_(std::move(blobs)),
      calls_(database_),
      projects_(calls_, database_),
      images_(calls_, database_, blobs_),
      labeling_(calls_, database_),
      insight_(calls_, database_),
      provenance_(calls_, database_),
      tokens_(calls_, database_),
      rounds_(calls_, database_),
      models_(calls_, database_, blobs_),
      workers_(calls_, database_, blobs_) {}

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options) {
  absl::StatusOr<BlobStore> blobs = BlobStore::Open(options.blob_folder);
  if (!blobs.ok()) return blobs.status();
  auto server = std::unique_ptr<Server>(new Server(options, *std::move(blobs)));
  if (const absl::Status listening = server->Listen(options); !listening.ok()) return listening;
  server->planner_ = std::make_unique<RoundPlanner>(server->database_, server->blobs_);
  server->planner_->Start();
  server->reaper_ = std::make_unique<LeaseReaper>(server->database_);
  return server;
}

absl::Status Server::Listen(const ServerOptions& options) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(options.listen, Credentials(options), &port);
  SetLimits(builder);
  grpc::Service* const services[] = {&projects_, &images_, &labeling_, &insight_, &provenance_,
                                     &tokens_,   &rounds_, &models_,   &workers_};
  for (grpc::Service* service : services) builder.RegisterService(service);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr || port == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("can't listen on ", options.listen,
                     ": the port is taken, or the certificate or its key can't be used"));
  }
  address_ = absl::StrCat(options.listen.substr(0, options.listen.rfind(':')), ":", port);
  return absl::OkStatus();
}

Server::~Server() { Shutdown(absl::ZeroDuration()); }

void Server::Shutdown(absl::Duration patience) {
  if (server_ == nullptr) return;
  calls_.Drain();
  if (auto* health = server_->GetHealthCheckService(); health != nullptr) health->SetServingStatus(false);
  server_->Shutdown(absl::ToChronoTime(absl::Now() + patience));
  server_->Wait();
  planner_.reset();
  reaper_.reset();
  server_.reset();
}

}  // namespace loupe
