#include "server/server.h"

#include <algorithm>
#include <utility>

#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "content/steady_clock.h"
#include "db/database.h"
#include "server/blobs/blob_store.h"
#include "server/gateway/gateway.h"
#include "server/images/image_indexer.h"
#include "server/images/image_service.h"
#include "server/images/upload_service.h"
#include "server/insight/insight_service.h"
#include "server/jobs/worker_service.h"
#include "server/labeling/labeling_service.h"
#include "server/labeling/lease_reaper.h"
#include "server/models/model_service.h"
#include "server/projects/project_service.h"
#include "server/projects/token_service.h"
#include "server/provenance/label_counter.h"
#include "server/provenance/provenance_service.h"
#include "server/reviewers/reviewer_watch.h"
#include "server/rounds/round_planner.h"
#include "server/rounds/round_service.h"
#include "server/rpc/health_watch.h"
#include "server/rpc/listener.h"
#include "server/rpc/rpc_call.h"
#include "server/sessions/session_service.h"
#include "server/storage/blob_meter.h"
#include "server/storage/storage_service.h"

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
constexpr int kMinPingMs = 10 * 1000;   // how often a client may ask for a sign of life
constexpr int kIdleMs = 5 * 60 * 1000;  // a connection without a call is closed after this
constexpr int kHandshakeMs = 20 * 1000;
constexpr int kMaxStreams = 100;  // calls at the same time on one connection
constexpr int kMaxConnections = 4096;

// Connections get descriptors below this. The others are for the database, pictures and weights: a quarter,
// at most 1024.
int ConnectionLimit() {
  const int descriptors = RaiseDescriptorLimit();
  return std::min(descriptors - std::min(descriptors / 4, 1024), kMaxConnections);
}

std::shared_ptr<grpc::ServerCredentials> Credentials(const ServerOptions& options) {
  if (options.tls_certificate.empty()) return grpc::InsecureServerCredentials();
  grpc::SslServerCredentialsOptions tls;
  tls.pem_key_cert_pairs.push_back({options.tls_key, options.tls_certificate});
  return grpc::SslServerCredentials(tls);
}

// Before a call's token is known, all that it may use is bounded by these.
void SetLimits(grpc::ServerBuilder& builder) {
  grpc::ResourceQuota quota("loupe-server");
  quota.Resize(kMaxMemoryBytes);
  quota.SetMaxThreads(kMaxThreads);
  builder.SetResourceQuota(quota);
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  // A megabyte that is compressed can become a gigabyte.
  for (const grpc_compression_algorithm algorithm : {GRPC_COMPRESS_DEFLATE, GRPC_COMPRESS_GZIP}) {
    builder.SetCompressionAlgorithmSupportStatus(algorithm, false);
  }
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreams);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kIdleMs);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, kConnectionAgeMs);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, kConnectionGraceMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kMinPingMs);
}

}  // namespace

struct Server::Parts {
  Parts(const std::string& database_url, BlobStore blob_store, CheckpointKey key)
      : database(database_url),
        blobs(std::move(blob_store)),
        checkpoint_key(std::move(key)),
        calls(database) {}

  Database database;
  const BlobStore blobs;
  const CheckpointKey checkpoint_key;
  RpcCalls calls;
  ProjectServiceImpl projects{calls, database, blobs};
  ImageServiceImpl images{calls, database, blobs};
  UploadServiceImpl uploads{calls, database, blobs};
  LabelingServiceImpl labeling{calls, database};
  InsightServiceImpl insight{calls, database};
  ProvenanceServiceImpl provenance{calls, database, checkpoint_key};
  TokenServiceImpl tokens{calls, database};
  SessionServiceImpl sessions{calls, database};
  RoundServiceImpl rounds{calls, database, blobs};
  ModelServiceImpl models{calls, database, blobs};
  WorkerServiceImpl workers{calls, database, blobs};
  StorageServiceImpl storage{calls, database, blobs};
  std::unique_ptr<Listener> listener;
  std::unique_ptr<Gateway> gateway;
  std::unique_ptr<grpc::Server> server;
  std::unique_ptr<HealthWatch> health;
  std::unique_ptr<RoundPlanner> planner;
  std::unique_ptr<LeaseReaper> reaper;
  std::unique_ptr<LabelCounter> counter;
  std::unique_ptr<ReviewerWatch> reviewers;
  std::unique_ptr<ImageIndexer> indexer;
  std::unique_ptr<BlobMeter> meter;
};

Server::Server(const ServerOptions& options, BlobStore blobs, CheckpointKey key)
    : parts_(std::make_unique<Parts>(options.database_url, std::move(blobs), std::move(key))) {}

const std::string& Server::address() const { return parts_->listener->address(); }

std::string Server::http_address() const {
  return parts_->gateway == nullptr ? "" : parts_->gateway->address();
}

Database& Server::database() { return parts_->database; }

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options) {
  absl::StatusOr<BlobStore> blobs = BlobStore::Open(options.blob_folder);
  if (!blobs.ok()) return blobs.status();
  absl::StatusOr<CheckpointKey> key = CheckpointKey::Open(options.checkpoint_key);
  if (!key.ok()) return key.status();
  auto server = std::unique_ptr<Server>(new Server(options, *std::move(blobs), *std::move(key)));
  if (const absl::Status listening = server->Listen(options); !listening.ok()) return listening;
  Parts& parts = *server->parts_;
  parts.health = std::make_unique<HealthWatch>(parts.database, *parts.server->GetHealthCheckService());
  if (const absl::Status serving = server->ServeGateway(); !serving.ok()) return serving;
  parts.planner = std::make_unique<RoundPlanner>(parts.database, parts.blobs);
  parts.planner->Start();
  parts.reaper = std::make_unique<LeaseReaper>(parts.database, parts.blobs, parts.calls.metrics());
  parts.counter = std::make_unique<LabelCounter>(parts.database);
  parts.reviewers = std::make_unique<ReviewerWatch>(parts.database);
  parts.indexer = std::make_unique<ImageIndexer>(parts.database);
  parts.meter = std::make_unique<BlobMeter>(parts.blobs, parts.calls.metrics());
  return server;
}

absl::Status Server::Listen(const ServerOptions& options) {
  absl::StatusOr<std::unique_ptr<Listener>> listener = Listener::Listen(options.listen);
  if (!listener.ok()) return listener.status();
  parts_->listener = *std::move(listener);
  if (!options.http_listen.empty()) {
    absl::StatusOr<std::unique_ptr<Gateway>> gateway = Gateway::Open(
        {options.http_listen, options.page_url, options.tls_certificate, options.tls_key, options.renderer});
    if (!gateway.ok()) return gateway.status();
    parts_->gateway = *std::move(gateway);
    parts_->sessions.set_page_url(parts_->gateway->page_url());
  }
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  using From = grpc::ServerBuilder::experimental_type::ExternalConnectionType;
  std::shared_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor =
      builder.experimental().AddExternalConnectionAcceptor(From::FROM_FD, Credentials(options));
  SetLimits(builder);
  grpc::Service* const services[] = {&parts_->projects, &parts_->images,     &parts_->labeling,
                                     &parts_->insight,  &parts_->provenance, &parts_->tokens,
                                     &parts_->rounds,   &parts_->models,     &parts_->workers,
                                     &parts_->storage,  &parts_->sessions,   &parts_->uploads};
  for (grpc::Service* service : services) builder.RegisterService(service);
  parts_->server = builder.BuildAndStart();
  if (parts_->server == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("can't serve on ", options.listen, ": the certificate or its key can't be used"));
  }
  const auto take = [acceptor](int port, int connection) {
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
    parameters.listener_fd = port;
    parameters.fd = connection;
    acceptor->HandleNewConnection(&parameters);
  };
  parts_->listener->Start(take, ConnectionLimit());
  return absl::OkStatus();
}

absl::Status Server::ServeGateway() {
  Parts& parts = *parts_;
  if (parts.gateway == nullptr) return absl::OkStatus();
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);  // what the services send is bounded by themselves
  return parts.gateway->Serve(
      parts.calls, parts.database, parts.blobs, parts.server->InProcessChannel(arguments),
      [&parts] { return parts.health->serves(); }, ConnectionLimit());
}

Server::~Server() { Shutdown(absl::ZeroDuration()); }

void Server::Shutdown(absl::Duration patience) {
  if (parts_->server == nullptr) return;
  const Stopwatch began;
  parts_->calls.Drain();
  parts_->health->Stop();
  parts_->listener->Stop();
  if (parts_->gateway != nullptr) parts_->gateway->Drain(patience);
  parts_->server->Shutdown(absl::ToChronoTime(absl::Now() + patience - began.Elapsed()));
  // Calls that are left wait for the database, and so may the planner, the reaper, the counter and the
  // indexer.
  parts_->database.Abort();
  parts_->server->Wait();
  parts_->gateway.reset();
  parts_->planner.reset();
  parts_->reaper.reset();
  parts_->counter.reset();
  parts_->reviewers.reset();
  parts_->indexer.reset();
  parts_->meter.reset();
  parts_->server.reset();
}

}  // namespace loupe
