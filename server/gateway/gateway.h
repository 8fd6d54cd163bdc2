// The gateway: the API over plain HTTP, pictures, log-in and the pages, for browsers, curl and scrapers.
#pragma once

#include <grpcpp/channel.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "db/database.h"
#include "server/blobs/blob_store.h"
#include "server/rpc/rpc_call.h"

namespace loupe {

struct GatewayOptions {
  std::string listen;    // HOST:PORT; port 0: any that is free
  std::string page_url;  // where people find the pages; empty: at `listen`
  // PEM texts; both empty: no TLS.
  std::string tls_certificate;
  std::string tls_key;
  std::filesystem::path renderer;  // loupe-renderer
};

class Gateway {
 public:
  // Listens, but answers nothing before Serve. Errors: FAILED_PRECONDITION (address, certificate),
  // INVALID_ARGUMENT (page_url).
  static absl::StatusOr<std::unique_ptr<Gateway>> Open(const GatewayOptions& options);

  // Requires: no call to `channel`'s server can go on for ever any more.
  ~Gateway();
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;

  // HOST:PORT.
  const std::string& address() const;
  // Where people find the pages, e.g. http://127.0.0.1:8080.
  const std::string& page_url() const;

  // `channel`: to the services in this process. `is_ready`: whether the database answers; it must not block.
  // A connection's descriptor is below `descriptor_limit`. All must outlive it. Call it once.
  // Errors: FAILED_PRECONDITION (the key doesn't fit).
  absl::Status Serve(RpcCalls& calls, Database& database, const BlobStore& blobs,
                     const std::shared_ptr<grpc::Channel>& channel, std::function<bool()> is_ready,
                     int descriptor_limit);

  // Takes no connection any more, and no further request on those that are open. Waits, at most for
  // `patience`, until calls that are under way have ended: the channel would cut them.
  void Drain(absl::Duration patience);

 private:
  struct Parts;
  explicit Gateway(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace loupe
