// The weights of models over HTTP, as a file to keep: /models/ID/weights.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "db/database.h"
#include "db/ids.h"
#include "server/blobs/blob_store.h"
#include "server/gateway/http_exchange.h"
#include "server/gateway/work_queue.h"
#include "server/rpc/rpc_call.h"

namespace loupe {

// nullopt: the path is none of a model's weights.
std::optional<ModelId> ParseWeights(std::string_view path);

class WeightsAnswers {
 public:
  // All must outlive it.
  WeightsAnswers(RpcCalls& calls, Database& database, const BlobStore& blobs, WorkQueue& readers)
      : calls_(calls), database_(database), blobs_(blobs), readers_(readers) {}

  // Whoever may call ModelService.ExportModel may have them. The file is read twice, so that a damaged one is
  // refused and not sent. Does not block.
  void Answer(std::shared_ptr<HttpExchange> exchange, ModelId model, const std::string& token);

 private:
  HttpAnswer AnswerNow(const HttpRequest& request, ModelId model, const std::string& token);

  RpcCalls& calls_;
  Database& database_;
  const BlobStore& blobs_;
  WorkQueue& readers_;
};

}  // namespace loupe
