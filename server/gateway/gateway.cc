#include "server/gateway/gateway.h"

#include <unistd.h>

#include <algorithm>
#include <map>
#include <utility>

#include <spdlog/spdlog.h>

#include "absl/time/clock.h"
#include "content/steady_clock.h"
#include "server/gateway/browser_rules.h"
#include "server/gateway/http_server.h"
#include "server/gateway/routes.h"
#include "server/rpc/listener.h"

namespace loupe {
namespace {

constexpr int kMaxHttpConnections = 2048;
constexpr absl::Duration kPoll = absl::Milliseconds(10);

}  // namespace

struct Gateway::Parts {
  Parts(const GatewayOptions& gateway_options, std::unique_ptr<Listener> bound, BrowserRules browser_rules)
      : options(gateway_options), listener(std::move(bound)), rules(std::move(browser_rules)) {}

  const GatewayOptions options;
  std::unique_ptr<Listener> listener;
  const BrowserRules rules;
  std::unique_ptr<Routes> routes;
  std::unique_ptr<HttpServer> server;
};

Gateway::Gateway(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

absl::StatusOr<std::unique_ptr<Gateway>> Gateway::Open(const GatewayOptions& options) {
  absl::StatusOr<std::unique_ptr<Listener>> listener = Listener::Listen(options.listen);
  if (!listener.ok()) return listener.status();
  absl::StatusOr<BrowserRules> rules =
      BrowserRules::Make({(*listener)->address(), options.tls_certificate, options.page_url});
  if (!rules.ok()) return rules.status();
  return std::unique_ptr<Gateway>(
      new Gateway(std::make_unique<Parts>(options, *std::move(listener), *std::move(rules))));
}

absl::Status Gateway::Serve(RpcCalls& calls, Database& database, const BlobStore& blobs,
                            const std::shared_ptr<grpc::Channel>& channel, std::function<bool()> is_ready,
                            int descriptor_limit) {
  Parts& parts = *parts_;
  // Each may have a picture open. The other third is for gRPC: browsers can't keep workers out.
  const int max_connections = std::min(kMaxHttpConnections, descriptor_limit / 3);
  const auto connections = [&parts, max_connections] {
    return HttpConnections{parts.server->connections(), max_connections};
  };
  parts.routes = std::make_unique<Routes>(parts.rules, calls, database, blobs, channel, std::move(is_ready),
                                          connections, parts.options.renderer);
  HttpServerOptions options;
  options.tls_certificate = parts.options.tls_certificate;
  options.tls_key = parts.options.tls_key;
  options.headers = parts.rules.Policies();
  options.max_connections = max_connections;
  absl::StatusOr<std::unique_ptr<HttpServer>> server = HttpServer::Start(options, *parts.routes);
  if (!server.ok()) return server.status();
  parts.server = *std::move(server);
  spdlog::info("pages at {}", parts.rules.page_url());
  if (access(parts.options.renderer.c_str(), X_OK) != 0) {
    spdlog::warn("there will be no thumbnails: {} can't be run", parts.options.renderer.string());
  }
  parts.listener->Start([&parts](int, int connection) { parts.server->Take(connection); }, descriptor_limit);
  return absl::OkStatus();
}

Gateway::~Gateway() {
  Drain(absl::ZeroDuration());
  if (parts_->routes != nullptr) parts_->routes->Stop();
  parts_->server.reset();
}

const std::string& Gateway::address() const { return parts_->listener->address(); }

const std::string& Gateway::page_url() const { return parts_->rules.page_url(); }

void Gateway::Drain(absl::Duration patience) {
  parts_->listener->Stop();
  if (parts_->server == nullptr) return;
  parts_->server->Drain();
  for (const Stopwatch waited; parts_->routes->HasOpenCalls() && waited.Elapsed() < patience;) {
    absl::SleepFor(kPoll);
  }
}

}  // namespace loupe
