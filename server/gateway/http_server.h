// HTTP/1.1 over TCP and TLS: reads requests, refuses what isn't one, and sends answers. The only file with
// templates of Boost.Beast and Asio is its source.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/gateway/http_exchange.h"

namespace loupe {

struct HttpServerOptions {
  // PEM texts; both empty: no TLS.
  std::string tls_certificate;
  std::string tls_key;
  int max_connections = 0;
  HttpHeaders headers;  // of every answer
};

class HttpServer {
 public:
  static constexpr uint64_t kMaxBodyBytes = (4 << 20) + 5;  // of gRPC's largest message, in an envelope

  // `handler` must outlive it. Errors: FAILED_PRECONDITION (certificate or key).
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const HttpServerOptions& options,
                                                           HttpHandler& handler);

  // Gives answers that are being sent a second, and cuts what is left then. Requires: no exchange is held any
  // more by anybody else.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Serves a connection; the descriptor is closed by the server. Thread-safe.
  void Take(int connection);

  // That are open.
  int connections();

  // When this returns, the handler isn't asked any more; connections end after the request that they are at.
  void Drain();

 private:
  struct Parts;
  explicit HttpServer(std::unique_ptr<Parts> parts);

  std::unique_ptr<Parts> parts_;
};

}  // namespace loupe
