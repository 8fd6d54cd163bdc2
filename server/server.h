// The coordinator's services on a port, with the threads that keep them going.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include <grpcpp/server.h>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
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

struct ServerOptions {
  std::string database_url;
  std::filesystem::path blob_folder;
  std::string listen;  // HOST:PORT; port 0: any that is free
  // PEM texts; both empty: no TLS.
  std::string tls_certificate;
  std::string tls_key;
};

class Server {
 public:
  // Serves once it returns. The database has its schema. Errors: FAILED_PRECONDITION (blob folder,
  // certificate, address).
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options);

  // Shutdown() without patience, unless it was called.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // HOST:PORT as it listens.
  const std::string& address() const { return address_; }
  Database& database() { return database_; }

  // Health says NOT_SERVING, nothing more is handed out, calls under way have this long to end. Then the
  // threads stop. May be called twice.
  void Shutdown(absl::Duration patience);

 private:
  Server(const ServerOptions& options, BlobStore blobs);
  absl::Status Listen(const ServerOptions& options);

  Database database_;
  const BlobStore blobs_;
  RpcCalls calls_;
  ProjectServiceImpl projects_;
  ImageServiceImpl images_;
  LabelingServiceImpl labeling_;
  InsightServiceImpl insight_;
  ProvenanceServiceImpl provenance_;
  TokenServiceImpl tokens_;
  RoundServiceImpl rounds_;
  ModelServiceImpl models_;
  WorkerServiceImpl workers_;
  std::string address_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<RoundPlanner> planner_;
  std::unique_ptr<LeaseReaper> reaper_;
};

}  // namespace loupe
