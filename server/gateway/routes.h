// Which address is answered by what.
#pragma once

#include <grpcpp/channel.h>

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "client/web/web_files.h"
#include "db/database.h"
#include "server/blobs/blob_store.h"
#include "server/gateway/api_method.h"
#include "server/gateway/browser_rules.h"
#include "server/gateway/forwarder.h"
#include "server/gateway/http_exchange.h"
#include "server/gateway/picture_answers.h"
#include "server/gateway/scrapes.h"
#include "server/gateway/weights_answers.h"
#include "server/gateway/work_queue.h"
#include "server/rpc/rpc_call.h"

namespace loupe {

class Routes final : public HttpHandler {
 public:
  // All must outlive it.
  Routes(const BrowserRules& rules, RpcCalls& calls, Database& database, const BlobStore& blobs,
         const std::shared_ptr<grpc::Channel>& channel, std::function<bool()> is_ready,
         std::function<HttpConnections()> connections, const std::filesystem::path& renderer);

  // Whether calls are being forwarded.
  bool HasOpenCalls() { return forwarder_->HasOpenCalls(); }

  // Ends what is being done. Afterwards nothing holds an exchange any more.
  void Stop();

  void Admit(const HttpRequest& head, std::function<void(std::optional<HttpAnswer>)> admitted) override;
  void Handle(std::shared_ptr<HttpExchange> exchange) override;

 private:
  // The token or the session's secret with which a request comes; empty: none. Errors: PERMISSION_DENIED.
  absl::StatusOr<std::string> SecretOf(const HttpRequest& request) const;

  // What is wrong with a request that can be told from its head. nullopt: nothing.
  std::optional<HttpAnswer> Refuse(const HttpRequest& head) const;
  std::optional<HttpAnswer> RefuseCall(const ApiMethod& method, const HttpRequest& head) const;

  void HandleCall(const std::shared_ptr<HttpExchange>& exchange, const ApiMethod& method);
  void Forward(const std::shared_ptr<HttpExchange>& exchange, const ApiMethod& method, ForwardedCall call);
  void HandleScrape(const std::shared_ptr<HttpExchange>& exchange);
  void HandleSession(const std::shared_ptr<HttpExchange>& exchange);
  HttpAnswer LogInAnswer(const HttpRequest& request);
  HttpAnswer LogOutAnswer(const HttpRequest& request);
  HttpAnswer PageAnswer(const HttpRequest& request) const;

  const BrowserRules& rules_;
  RpcCalls& calls_;
  Database& database_;
  const std::function<bool()> is_ready_;
  const ApiMethods methods_;
  std::map<std::string, const WebFile*, std::less<>> pages_;
  std::unique_ptr<Forwarder> forwarder_;
  std::unique_ptr<WorkQueue> questions_;
  std::unique_ptr<WorkQueue> conversions_;
  std::unique_ptr<WorkQueue> downloads_;
  std::unique_ptr<PictureAnswers> pictures_;
  std::unique_ptr<WeightsAnswers> weights_;
  std::unique_ptr<Scrapes> scrapes_;
};

}  // namespace loupe
