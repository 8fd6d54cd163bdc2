// The weights of models over HTTP, as a file to keep: /models/ID/weights.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
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

  // Whoever may call ModelService.ExportModel may have them. The file is read before it is sent, so that a
  // damaged one is refused; not again within a minute if nothing has written to it. Does not block.
  void Answer(std::shared_ptr<HttpExchange> exchange, ModelId model, const std::string& token);

 private:
  HttpAnswer AnswerNow(const HttpRequest& request, ModelId model, const std::string& token);
  // A blob that was whole.
  struct Verified {
    absl::Time at;
    absl::Time changed;  // what wrote to the file last
  };
  // As BlobStore::Verify of this file.
  absl::Status Verify(const Sha256& hash, absl::Time changed);

  RpcCalls& calls_;
  Database& database_;
  const BlobStore& blobs_;
  WorkQueue& readers_;
  absl::Mutex mutex_;
  std::map<Sha256, Verified> verified_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace loupe
