#include "server/gateway/picture_answers.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include <spdlog/spdlog.h>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "db/stores/image_store.h"
#include "proto/error_info.h"
#include "server/gateway/file_answer.h"
#include "server/gateway/http_errors.h"

namespace loupe {
namespace {

constexpr char kReadImage[] = "ImageService.ReadImage";
constexpr absl::Duration kPictureDeadline = absl::Seconds(10);
constexpr size_t kMostWaitingRenderings = 2000;  // a page of thumbnails asks for hundreds
constexpr size_t kBitDepthAt = 24;               // in a PNG file

int RendererCount() { return std::clamp(static_cast<int>(std::thread::hardware_concurrency()), 1, 4); }

absl::Status ParseLevel(absl::string_view text, uint16_t& level) {
  int number = 0;
  // One spelling alone, as of the path.
  if (!absl::SimpleAtoi(text, &number) || number < 0 || number > 65535 || absl::StrCat(number) != text) {
    return InvalidArgument("low and high must be numbers from 0 to 65535, each once");
  }
  level = static_cast<uint16_t>(number);
  return absl::OkStatus();
}

absl::StatusOr<IntensityRange> ParseLevels(std::string_view query) {
  IntensityRange range;
  absl::string_view rest(query.data(), query.size());
  for (const auto& [name, level] : {std::pair("low=", &range.low), std::pair("high=", &range.high)}) {
    if (!absl::ConsumePrefix(&rest, name)) continue;
    const size_t end = std::min(rest.find('&'), rest.size());
    if (const absl::Status parsed = ParseLevel(rest.substr(0, end), *level); !parsed.ok()) return parsed;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (!rest.empty()) return InvalidArgument("a picture has the parameters low and high, in this order");
  if (range.low >= range.high) return InvalidArgument("low must be below high");
  return range;
}

// Browsers show a PNG of 16 bits by a rule of their own, and no TIFF.
bool NeedsRendering(const std::string& media_type, const FileHandle& file) {
  if (media_type == "image/tiff") return true;
  char depth = 0;
  return media_type == "image/png" && pread(file.get(), &depth, 1, kBitDepthAt) == 1 && depth == 16;
}

// `kind` tells forms of a picture apart.
HttpAnswer PictureAnswer(const HttpRequest& request, FileHandle file, const std::string& media_type,
                         const std::string& kind) {
  return FileAnswer(request, std::move(file), kind,
                    {{"Content-Type", media_type},
                     {"Cache-Control", "private, max-age=31536000, immutable"},
                     {"Vary", "Cookie, Authorization"}});
}

std::string KindOf(const RenderingName& name) {
  return absl::StrCat(ToHex(name.picture), "-", name.max_side, "-", name.range.low, "-", name.range.high);
}

HttpAnswer RenderingAnswer(const HttpRequest& request, FileHandle file, const RenderingName& name) {
  return PictureAnswer(request, std::move(file), name.max_side > 0 ? "image/jpeg" : "image/png",
                       KindOf(name));
}

}  // namespace

absl::StatusOr<std::optional<AskedPicture>> ParsePicture(std::string_view path, std::string_view query) {
  constexpr absl::string_view kFolder = "/images/";
  constexpr size_t kHexDigits = 64;
  absl::string_view rest(path.data(), path.size());
  if (!absl::ConsumePrefix(&rest, kFolder)) return std::nullopt;
  AskedPicture asked;
  const absl::string_view digits = rest.substr(0, kHexDigits);
  const std::optional<Sha256> hash = ParseHex({digits.data(), digits.size()});
  // One spelling alone, so that caches hold a picture once.
  if (!hash.has_value() || ToHex(*hash) != std::string(digits)) return std::nullopt;
  asked.hash = *hash;
  rest.remove_prefix(digits.size());
  if (rest == "/thumbnail") {
    asked.form = AskedPicture::Form::kThumbnail;
  } else if (rest == "/rendering") {
    asked.form = AskedPicture::Form::kRendering;
  } else if (!rest.empty()) {
    return std::nullopt;
  }
  if (asked.form == AskedPicture::Form::kOriginal) {
    if (!query.empty()) return InvalidArgument("the original picture has no parameters");
    return asked;
  }
  const absl::StatusOr<IntensityRange> range = ParseLevels(query);
  if (!range.ok()) return range.status();
  asked.range = *range;
  return asked;
}

PictureAnswers::PictureAnswers(RpcCalls& calls, Database& database, const BlobStore& blobs,
                               WorkQueue& questions, const std::filesystem::path& renderer)
    : calls_(calls),
      database_(database),
      blobs_(blobs),
      questions_(questions),
      cache_(blobs, kMaxRenderingBytes),
      thumbnails_(renderer, RendererCount()),
      renderings_(renderer, 1) {}

PictureAnswers::Workshop::Workshop(const std::filesystem::path& program, int count)
    : queue(count, kMostWaitingRenderings) {
  for (int i = 0; i < count; ++i) renderers.push_back(std::make_unique<Renderer>(program));
}

void PictureAnswers::Answer(std::shared_ptr<HttpExchange> exchange, const AskedPicture& asked,
                            const std::string& token) {
  const bool added = questions_.Add([this, exchange, asked, token](int) {
    AnswerOrFail(*exchange, [&] { AnswerNow(exchange, asked, token); });
  });
  if (!added) exchange->Answer(ErrorAnswer(TooManyCalls()));
}

void PictureAnswers::AnswerNow(const std::shared_ptr<HttpExchange>& exchange, const AskedPicture& asked,
                               const std::string& token) {
  const absl::Time deadline = absl::Now() + kPictureDeadline;
  const absl::StatusOr<Principal> reader = calls_.Identify(token, kReadImage, deadline);
  if (!reader.ok()) return exchange->Answer(ErrorAnswer(reader.status()));
  const auto media_type = database_.Transact({kReadImage, deadline}, [&](Transaction& transaction) {
    return absl::StatusOr<std::optional<std::string>>(FindMediaType(transaction, asked.hash));
  });
  if (!media_type.ok()) return exchange->Answer(ErrorAnswer(media_type.status()));
  absl::StatusOr<FileHandle> original = blobs_.OpenFile(asked.hash);
  if (!media_type->has_value() || absl::IsNotFound(original.status())) {
    return exchange->Answer(ErrorAnswer(
        Error(absl::StatusCode::kNotFound, "NO_SUCH_IMAGE", "no project has a picture with this hash")));
  }
  if (!original.ok()) return exchange->Answer(ErrorAnswer(original.status()));
  const bool is_thumbnail = asked.form == AskedPicture::Form::kThumbnail;
  const bool needs_rendering = NeedsRendering(**media_type, *original);
  if (is_thumbnail || (asked.form == AskedPicture::Form::kRendering && needs_rendering)) {
    // Of 8 bits all levels count, so each is kept once.
    const IntensityRange range = needs_rendering ? asked.range : IntensityRange();
    return AnswerRendering(exchange, {asked.hash, is_thumbnail ? kThumbnailSide : 0, range});
  }
  exchange->Answer(PictureAnswer(exchange->request(), *std::move(original), **media_type, ToHex(asked.hash)));
}

void PictureAnswers::MakeRendering(HttpExchange& exchange, const RenderingName& name, Renderer& renderer) {
  absl::StatusOr<FileHandle> made = cache_.Make(name, renderer);
  if (absl::IsInternal(made.status())) made = cache_.Make(name, renderer);  // its folder may just have gone
  if (absl::IsInternal(made.status())) {
    spdlog::error("{}: {}", exchange.request().path, std::string(made.status().message()));
    made = absl::InternalError("the picture can't be rendered now: see the coordinator's log");
  }
  if (made.ok()) return exchange.Answer(RenderingAnswer(exchange.request(), *std::move(made), name));
  HttpAnswer answer = ErrorAnswer(made.status());
  if (absl::IsInvalidArgument(made.status()))
    answer.status = 422;  // the request is in order, the picture not
  exchange.Answer(std::move(answer));
}

void PictureAnswers::AnswerRendering(const std::shared_ptr<HttpExchange>& exchange,
                                     const RenderingName& name) {
  if (std::optional<FileHandle> kept = cache_.Find(name); kept.has_value()) {
    return exchange->Answer(RenderingAnswer(exchange->request(), *std::move(kept), name));
  }
  const auto is_gone = std::make_shared<std::atomic<bool>>(false);
  exchange->WhenGone([is_gone] { *is_gone = true; });
  Workshop& workshop = name.max_side > 0 ? thumbnails_ : renderings_;
  const bool added = workshop.queue.Add([this, &workshop, exchange, name, is_gone](int worker) {
    if (*is_gone) return;  // who scrolls past hundreds of pictures waits for none of them
    AnswerOrFail(*exchange,
                 [&] { MakeRendering(*exchange, name, *workshop.renderers[static_cast<size_t>(worker)]); });
  });
  if (!added) exchange->Answer(ErrorAnswer(TooManyCalls()));
}

}  // namespace loupe
