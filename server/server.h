// The coordinator's services on a port, with the threads that keep them going.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace loupe {

class BlobStore;
class CheckpointKey;
class Database;

struct ServerOptions {
  std::string database_url;
  std::filesystem::path blob_folder;
  std::filesystem::path checkpoint_key;  // file of the key that signs checkpoints; made if it is missing
  std::string listen;  // HOST:PORT; port 0: any that is free
  // PEM texts; both empty: no TLS.
  std::string tls_certificate;
  std::string tls_key;
  std::string http_listen = "";         // as listen; empty: no gateway
  std::string page_url = "";            // where people find the pages; empty: at http_listen
  std::filesystem::path renderer = {};  // loupe-renderer, for the gateway's pictures
};

class Server {
 public:
  // When this returns, the coordinator serves. Requires: the database has its schema. Errors:
  // FAILED_PRECONDITION (blob folder, certificate, address), INVALID_ARGUMENT (page_url).
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options);

  // Calls Shutdown() without patience, unless it was called before.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // The HOST:PORT on which it listens.
  const std::string& address() const;
  // The same of the gateway; empty: there is none.
  std::string http_address() const;
  Database& database();

  // The health check reports NOT_SERVING, no task or job is handed out any more, and calls in progress have
  // `patience` to end. Then the connections to the database are cut, and the threads stop. May be called
  // twice.
  void Shutdown(absl::Duration patience);

 private:
  // Behind a pointer, so that this file doesn't include the headers of all services.
  struct Parts;

  Server(const ServerOptions& options, BlobStore blobs, CheckpointKey key);
  absl::Status Listen(const ServerOptions& options);
  absl::Status ServeGateway();

  std::unique_ptr<Parts> parts_;
};

}  // namespace loupe
