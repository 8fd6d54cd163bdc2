#include "server/server.h"

#include <utility>

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "db/database.h"
#include "server/blobs/blob_store.h"
#include "server/images/image_service.h"
#include "server/images/provenance_service.h"
#include "server/insight/insight_service.h"
#include "server/jobs/worker_service.h"
#include "server/labeling/labeling_service.h"
#include "server/labeling/lease_reaper.h"
#include "server/models/model_service.h"
#include "server/projects/project_service.h"
#include "server/projects/token_service.h"
#include "server/rounds/round_planner.h"
#include "server/rounds/round_service.h"
#include "server/rpc/rpc_call.h"

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

struct Server::Parts {
  Parts(const std::string& database_url, BlobStore blob_store)
      : database(database_url), blobs(std::move(blob_store)), calls(database) {}

  Database database;
  const BlobStore blobs;
  RpcCalls calls;
  ProjectServiceImpl projects{calls, database, blobs};
  ImageServiceImpl images{calls, database, blobs};
  LabelingServiceImpl labeling{calls, database};
  InsightServiceImpl insight{calls, database};
  ProvenanceServiceImpl provenance{calls, database};
  TokenServiceImpl tokens{calls, database};
  RoundServiceImpl rounds{calls, database};
  ModelServiceImpl models{calls, database, blobs};
  WorkerServiceImpl workers{calls, database, blobs};
  std::string address;
  std::unique_ptr<grpc::Server> server;
  std::unique_ptr<RoundPlanner> planner;
  std::unique_ptr<LeaseReaper> reaper;
};

Server::Server(const ServerOptions& options, BlobStore blobs)
    : parts_(std::make_unique<Parts>(options.database_url, std::move(blobs))) {}

const std::string& Server::address() const { return parts_->address; }

Database& Server::database() { return parts_->database; }

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options) {
  absl::StatusOr<BlobStore> blobs = BlobStore::Open(options.blob_folder);
  if (!blobs.ok()) return blobs.status();
  auto server = std::unique_ptr<Server>(new Server(options, *std::move(blobs)));
  if (const absl::Status listening = server->Listen(options); !listening.ok()) return listening;
  Parts& parts = *server->parts_;
  parts.planner = std::make_unique<RoundPlanner>(parts.database, parts.blobs);
  parts.planner->Start();
  parts.reaper = std::make_unique<LeaseReaper>(parts.database, parts.blobs);
  return server;
}

absl::Status Server::Listen(const ServerOptions& options) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(options.listen, Credentials(options), &port);
  SetLimits(builder);
  grpc::Service* const services[] = {&parts_->projects, &parts_->images,     &parts_->labeling,
                                     &parts_->insight,  &parts_->provenance, &parts_->tokens,
                                     &parts_->rounds,   &parts_->models,     &parts_->workers};
  for (grpc::Service* service : services) builder.RegisterService(service);
  parts_->server = builder.BuildAndStart();
  if (parts_->server == nullptr || port == 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("can't listen on ", options.listen,
                     ": the port is taken, or the certificate or its key can't be used"));
  }
  parts_->address = absl::StrCat(options.listen.substr(0, options.listen.rfind(':')), ":", port);
  return absl::OkStatus();
}

Server::~Server() { Shutdown(absl::ZeroDuration()); }

void Server::Shutdown(absl::Duration patience) {
  if (parts_->server == nullptr) return;
  parts_->calls.Drain();
  if (auto* health = parts_->server->GetHealthCheckService(); health != nullptr)
    health->SetServingStatus(false);
  parts_->server->Shutdown(absl::ToChronoTime(absl::Now() + patience));
  parts_->server->Wait();
  parts_->planner.reset();
  parts_->reaper.reset();
  parts_->server.reset();
}

}  // namespace loupe
