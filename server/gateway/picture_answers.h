// Pictures over HTTP, by hash: /images/SHA256, /images/SHA256/thumbnail, /images/SHA256/rendering.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "db/database.h"
#include "server/blobs/blob_store.h"
#include "server/gateway/http_exchange.h"
#include "server/gateway/renderer.h"
#include "server/gateway/rendering_cache.h"
#include "server/gateway/work_queue.h"
#include "server/rpc/rpc_call.h"

namespace loupe {

// What a path and query ask for.
struct AskedPicture {
  enum class Form { kOriginal, kThumbnail, kRendering };
  Sha256 hash{};
  Form form = Form::kOriginal;
  IntensityRange range;  // `?low=…&high=…`: of a picture with 16 bits
};

// nullopt: the path is none of a picture's. Errors: INVALID_ARGUMENT (the query).
absl::StatusOr<std::optional<AskedPicture>> ParsePicture(std::string_view path, std::string_view query);

class PictureAnswers {
 public:
  static constexpr int kThumbnailSide = 320;  // pixels
  static constexpr uint64_t kMaxRenderingBytes = uint64_t{2} << 30;

  // `renderer`: the path of loupe-renderer. The others must outlive it.
  PictureAnswers(RpcCalls& calls, Database& database, const BlobStore& blobs, WorkQueue& questions,
                 const std::filesystem::path& renderer);

  // Whoever may call ImageService.ReadImage may read the picture. Does not block.
  void Answer(std::shared_ptr<HttpExchange> exchange, const AskedPicture& asked, const std::string& token);

 private:
  // Renderers, and a thread for each.
  struct Workshop {
    Workshop(const std::filesystem::path& program, int count);

    std::vector<std::unique_ptr<Renderer>> renderers;
    WorkQueue queue;
  };

  void AnswerNow(const std::shared_ptr<HttpExchange>& exchange, const AskedPicture& asked,
                 const std::string& token);
  void MakeRendering(HttpExchange& exchange, const RenderingName& name, Renderer& renderer);
  void AnswerRendering(const std::shared_ptr<HttpExchange>& exchange, const RenderingName& name);

  RpcCalls& calls_;
  Database& database_;
  const BlobStore& blobs_;
  WorkQueue& questions_;
  RenderingCache cache_;
  Workshop thumbnails_;
  Workshop renderings_;  // of their own: one may take a minute, and nobody's thumbnails wait for it
};

}  // namespace loupe
