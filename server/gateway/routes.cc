#include "server/gateway/routes.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "content/text.h"
#include "proto/error_info.h"
#include "server/gateway/file_answer.h"
#include "server/gateway/gzip.h"
#include "server/gateway/http_errors.h"
#include "server/metrics/exposition.h"
#include "server/sessions/log_in.h"

namespace loupe {
namespace {

constexpr int kQuestionThreads = 8;
constexpr size_t kMostWaitingQuestions = 2000;
constexpr uint64_t kFreeBodyBytes = 16 << 10;   // a larger body is read only of who has a token
constexpr uint64_t kQuickBodyBytes = 64 << 10;  // a larger one is read from JSON beside the other requests
constexpr int kConversionThreads = 2;           // 4 MiB of JSON can become 100 MB
constexpr size_t kMostWaitingConversions = 100;
constexpr int kDownloadThreads = 2;  // weights are read whole before they are sent
constexpr size_t kMostWaitingDownloads = 100;
constexpr uint64_t kMaxLoginBytes = 4 << 10;
constexpr size_t kWorthCompressing = 1024;
constexpr absl::Duration kQuestionDeadline = absl::Seconds(10);
constexpr char kSessionPath[] = "/session";
constexpr char kMetricsPath[] = "/metrics";
// Any method that every role may call.
constexpr char kAnyMethod[] = "SessionService.ListSessions";
constexpr char kAcceptPost[] = "application/json, application/proto";
constexpr char kAcceptPostStream[] = "application/connect+json, application/connect+proto";

HttpAnswer ErrorOf(int status, absl::StatusCode code, std::string_view reason, std::string_view message) {
  HttpAnswer answer = ErrorAnswer(Error(code, reason, message));
  answer.status = status;
  return answer;
}

// An error of a call that is not forwarded, in the form that its client reads.
HttpAnswer CallError(const HttpRequest& head, const absl::Status& error) {
  const std::optional<CallType> type = CallTypeOf(head.Header("content-type"));
  if (!type.has_value() || !type->is_stream) return ErrorAnswer(error);
  HttpAnswer answer;
  answer.headers = {{"Content-Type", std::string(ContentTypeOf(*type))}, {"Cache-Control", "no-store"}};
  answer.body = EndOfStream(ToGrpc(error));
  return answer;
}

HttpAnswer WrongMethod(const std::string& allowed) {
  HttpAnswer answer = ErrorOf(405, absl::StatusCode::kUnimplemented, "WRONG_HTTP_METHOD",
                              absl::StrCat("this address takes ", allowed));
  answer.headers.emplace_back("Allow", allowed);
  return answer;
}

bool IsRead(const HttpRequest& request) { return request.method == "GET" || request.method == "HEAD"; }

bool AcceptsGzip(std::string_view header) {
  const std::string lower = absl::AsciiStrToLower(std::string(header));
  for (absl::string_view part : absl::StrSplit(lower, ',')) {
    const std::pair<absl::string_view, absl::string_view> coding =
        absl::StrSplit(part, absl::MaxSplits(';', 1));
    if (absl::StripAsciiWhitespace(coding.first) != "gzip") continue;
    const absl::string_view quality = absl::StripAsciiWhitespace(coding.second);
    return quality != "q=0" && !absl::StartsWith(quality, "q=0.0");
  }
  return false;
}

// Compressed where the caller takes that and it pays.
void SetBody(const HttpRequest& request, std::string body, HttpAnswer& answer) {
  answer.headers.emplace_back("Vary", "Accept-Encoding");
  answer.body = std::move(body);
  if (answer.body.size() < kWorthCompressing || !AcceptsGzip(request.Header("accept-encoding"))) return;
  answer.headers.emplace_back("Content-Encoding", "gzip");
  answer.body = Gzip(answer.body);
}

// As access.cc has it: `LabelingService.Submit`.
std::string NameOf(const ApiMethod& method) {
  return absl::StrCat(method.descriptor->service()->name(), ".", method.descriptor->name());
}

absl::StatusOr<Credential> CredentialIn(const std::string& body) {
  const nlohmann::json json = nlohmann::json::parse(body, nullptr, false);
  Credential credential;
  if (!json.is_object() || !IsUtf8(body))
    return InvalidArgument("send {\"token\": \"…\"} or {\"link\": \"…\"}");
  for (const auto& [name, value] : json.items()) {
    std::string* field = name == "token" ? &credential.token : name == "link" ? &credential.link : nullptr;
    if (field == nullptr) return InvalidArgument(absl::StrCat("there is no field ", name.substr(0, 100)));
    if (!value.is_string()) return InvalidArgument(absl::StrCat(name, " must be a text"));
    *field = value.get<std::string>();
  }
  return credential;
}

HttpAnswer TextAnswer(int status, std::string text) {
  HttpAnswer answer;
  answer.status = status;
  answer.headers = {{"Content-Type", "text/plain; charset=utf-8"}, {"Cache-Control", "no-store"}};
  answer.body = std::move(text);
  return answer;
}

// A stream's messages on their way to an HTTP answer.
class StreamedAnswer final : public MessageSink {
 public:
  StreamedAnswer(std::shared_ptr<HttpExchange> exchange, const ApiMethod& method, Codec codec)
      : exchange_(std::move(exchange)),
        method_(method),
        codec_(codec),
        compresses_(AcceptsGzip(exchange_->request().Header("connect-accept-encoding"))) {
    HttpHeaders headers = {{"Content-Type", std::string(ContentTypeOf({codec, true}))},
                           {"Cache-Control", "no-store"}};
    if (compresses_) headers.emplace_back("Connect-Content-Encoding", "gzip");
    exchange_->Begin(200, std::move(headers));
  }

  void Take(std::string message, std::function<void(bool)> taken) override {
    const absl::StatusOr<std::string> body = AnswerBody(method_, codec_, std::move(message));
    if (!body.ok()) {
      problem_ = ToGrpc(body.status());
      return taken(false);
    }
    const bool pays = compresses_ && body->size() >= kWorthCompressing;
    exchange_->Send(pays ? Envelope(kCompressed, Gzip(*body)) : Envelope(0, *body), std::move(taken));
  }

  void End(const grpc::Status& status) override {
    exchange_->End(EndOfStream(problem_.ok() ? status : problem_));
  }

 private:
  const std::shared_ptr<HttpExchange> exchange_;
  const ApiMethod& method_;
  const Codec codec_;
  const bool compresses_;
  grpc::Status problem_;
};

}  // namespace

Routes::Routes(const BrowserRules& rules, RpcCalls& calls, Database& database, const BlobStore& blobs,
               const std::shared_ptr<grpc::Channel>& channel, std::function<bool()> is_ready,
               std::function<HttpConnections()> connections, const std::filesystem::path& renderer)
    : rules_(rules),
      calls_(calls),
      database_(database),
      is_ready_(std::move(is_ready)),
      forwarder_(std::make_unique<Forwarder>(channel)),
      questions_(std::make_unique<WorkQueue>(kQuestionThreads, kMostWaitingQuestions)),
      conversions_(std::make_unique<WorkQueue>(kConversionThreads, kMostWaitingConversions)),
      downloads_(std::make_unique<WorkQueue>(kDownloadThreads, kMostWaitingDownloads)),
      pictures_(std::make_unique<PictureAnswers>(calls, database, blobs, *questions_, renderer)),
      weights_(std::make_unique<WeightsAnswers>(calls, database, blobs, *downloads_)),
      scrapes_(std::make_unique<Scrapes>(calls, database, std::move(connections))) {
  for (const WebFile& file : WebFiles()) {
    pages_[std::string(file.path)] = &file;
    if (file.path == "/index.html") pages_["/"] = &file;
  }
}

void Routes::Stop() {
  questions_.reset();
  conversions_.reset();
  downloads_.reset();
  pictures_.reset();
  weights_.reset();
  scrapes_.reset();
  forwarder_.reset();
}

absl::StatusOr<std::string> Routes::SecretOf(const HttpRequest& request) const {
  std::string secret = BearerToken(request.Header("authorization"));
  if (secret.empty()) {
    secret = rules_.SessionOf(request);
    if (!secret.empty() && !IsRead(request)) {
      if (const absl::Status origin = rules_.CheckOrigin(request, true); !origin.ok()) return origin;
    }
  }
  for (const char c : secret) {
    if (c <= ' ' || c > '~')
      return Accepted(std::nullopt).status();  // gRPC ends the process at such metadata
  }
  return secret;
}

std::optional<HttpAnswer> Routes::RefuseCall(const ApiMethod& method, const HttpRequest& head) const {
  if (head.method != "POST") return WrongMethod("POST");
  const bool takes_stream = method.descriptor->client_streaming();
  const bool is_stream = takes_stream || method.descriptor->server_streaming();
  const std::optional<CallType> type = CallTypeOf(head.Header("content-type"));
  if (!type.has_value() || type->is_stream != is_stream) {
    const char* const accepted = is_stream ? kAcceptPostStream : kAcceptPost;
    HttpAnswer answer = ErrorOf(415, absl::StatusCode::kInvalidArgument, "WRONG_CONTENT_TYPE",
                                absl::StrCat(method.path, " takes the content types ", accepted));
    answer.headers.emplace_back("Accept-Post", accepted);
    return answer;
  }
  if (takes_stream) {
    return CallError(head, Error(absl::StatusCode::kUnimplemented, "UNIMPLEMENTED",
                                 absl::StrCat(method.path, " takes a stream, which goes by gRPC alone")));
  }
  const std::string_view version = head.Header("connect-protocol-version");
  if (!version.empty() && version != "1") {
    return CallError(head, InvalidArgument("Connect-Protocol-Version must be 1"));
  }
  const std::string_view encoding = head.Header(is_stream ? "connect-content-encoding" : "content-encoding");
  if (!encoding.empty() && encoding != "identity") {
    HttpAnswer answer =
        CallError(head, Error(absl::StatusCode::kUnimplemented, "UNIMPLEMENTED",
                              "requests that are compressed aren't taken: send them as they are"));
    answer.headers.emplace_back(is_stream ? "Connect-Accept-Encoding" : "Accept-Encoding", "identity");
    return answer;
  }
  const std::string_view timeout = head.Header("connect-timeout-ms");
  if (!timeout.empty()) {
    if (const auto parsed = TimeoutOf(timeout); !parsed.ok()) return CallError(head, parsed.status());
  }
  return std::nullopt;
}

std::optional<HttpAnswer> Routes::Refuse(const HttpRequest& head) const {
  if (head.path == "/healthz" || head.path == "/readyz") {  // whatever name it is asked by
    return IsRead(head) ? std::nullopt : std::optional(WrongMethod("GET, HEAD"));
  }
  if (const absl::Status host = rules_.CheckHost(head); !host.ok()) {
    HttpAnswer answer = ErrorAnswer(host);
    answer.status = 421;
    return answer;
  }
  if (const ApiMethod* method = methods_.Find(head.path); method != nullptr) return RefuseCall(*method, head);
  if (head.path == kMetricsPath) return IsRead(head) ? std::nullopt : std::optional(WrongMethod("GET, HEAD"));
  if (head.path == kSessionPath) {
    if (head.method != "POST" && head.method != "DELETE") return WrongMethod("POST, DELETE");
    const bool is_login = head.method == "POST";
    if (const absl::Status origin = rules_.CheckOrigin(head, !is_login); !origin.ok())
      return ErrorAnswer(origin);
    const std::optional<CallType> type = CallTypeOf(head.Header("content-type"));
    // What a form of another site's page can send has another type.
    if (is_login && (!type.has_value() || type->codec != Codec::kJson || type->is_stream)) {
      return ErrorOf(415, absl::StatusCode::kInvalidArgument, "WRONG_CONTENT_TYPE", "send application/json");
    }
    if (head.body_bytes.value_or(kMaxLoginBytes + 1) > kMaxLoginBytes) {
      return ErrorOf(413, absl::StatusCode::kResourceExhausted, "TOO_LARGE", "the body has at most 4 KiB");
    }
    return std::nullopt;
  }
  const absl::StatusOr<std::optional<AskedPicture>> picture = ParsePicture(head.path, head.query);
  if (!picture.ok()) return ErrorAnswer(picture.status());
  const bool is_file = picture->has_value() || ParseWeights(head.path).has_value();
  if (!is_file && pages_.find(head.path) == pages_.end()) {
    const bool is_call = absl::StartsWith(head.path, "/loupe.v1.");
    return ErrorOf(
        404, is_call ? absl::StatusCode::kUnimplemented : absl::StatusCode::kNotFound, "NO_SUCH_ADDRESS",
        is_call ? "there is no such method here: docs/api.md lists them" : "there is nothing here");
  }
  return IsRead(head) ? std::nullopt : std::optional(WrongMethod("GET, HEAD"));
}

void Routes::Admit(const HttpRequest& head, std::function<void(std::optional<HttpAnswer>)> admitted) {
  if (std::optional<HttpAnswer> refusal = Refuse(head); refusal.has_value())
    return admitted(std::move(refusal));
  if (IsRead(head) && head.body_bytes != uint64_t{0}) {
    return admitted(ErrorAnswer(InvalidArgument("a GET has no body")));
  }
  if (head.body_bytes.value_or(kFreeBodyBytes + 1) <= kFreeBodyBytes) return admitted(std::nullopt);
  const absl::StatusOr<std::string> secret = SecretOf(head);
  if (!secret.ok()) return admitted(CallError(head, secret.status()));
  const ApiMethod* method = methods_.Find(head.path);
  const std::string name = method == nullptr ? kAnyMethod : NameOf(*method);
  const bool added = questions_->Add([this, secret = *secret, name, head, admitted](int) {
    const auto caller = calls_.Identify(secret, name.c_str(), absl::Now() + kQuestionDeadline);
    admitted(caller.ok() ? std::nullopt : std::optional(CallError(head, caller.status())));
  });
  if (!added) admitted(CallError(head, TooManyCalls()));
}

void Routes::Handle(std::shared_ptr<HttpExchange> exchange) {
  const HttpRequest& request = exchange->request();
  if (const ApiMethod* method = methods_.Find(request.path); method != nullptr)
    return HandleCall(exchange, *method);
  if (request.path == kSessionPath) return HandleSession(exchange);
  if (request.path == kMetricsPath) return HandleScrape(exchange);
  if (request.path == "/healthz") return exchange->Answer(TextAnswer(200, "ok\n"));
  if (request.path == "/readyz") {
    const bool is_ready = is_ready_();
    return exchange->Answer(
        TextAnswer(is_ready ? 200 : 503, is_ready ? "ready\n" : "the database does not answer\n"));
  }
  const absl::StatusOr<std::optional<AskedPicture>> picture = ParsePicture(request.path, request.query);
  const std::optional<ModelId> model = ParseWeights(request.path);
  const bool is_picture = picture.ok() && picture->has_value();
  if (!is_picture && !model.has_value()) return exchange->Answer(PageAnswer(request));
  const absl::StatusOr<std::string> secret = SecretOf(request);
  if (!secret.ok()) return exchange->Answer(ErrorAnswer(secret.status()));
  if (model.has_value()) return weights_->Answer(exchange, *model, *secret);
  pictures_->Answer(exchange, **picture, *secret);
}

void Routes::HandleCall(const std::shared_ptr<HttpExchange>& exchange, const ApiMethod& method) {
  const HttpRequest& request = exchange->request();
  const absl::StatusOr<std::string> secret = SecretOf(request);
  if (!secret.ok()) return exchange->Answer(CallError(request, secret.status()));
  ForwardedCall call{.path = method.path, .token = *secret};
  if (const std::string_view timeout = request.Header("connect-timeout-ms"); !timeout.empty()) {
    call.timeout = *TimeoutOf(timeout);
  }
  if (call.timeout <= absl::ZeroDuration()) {
    return exchange->Answer(
        CallError(request, absl::DeadlineExceededError("the time for this call is over")));
  }
  if (request.body.size() <= kQuickBodyBytes) return Forward(exchange, method, std::move(call));
  const bool added = conversions_->Add([this, exchange, &method, call](int) {
    AnswerOrFail(*exchange, [&] { Forward(exchange, method, call); });
  });
  if (!added) exchange->Answer(CallError(request, TooManyCalls()));
}

void Routes::Forward(const std::shared_ptr<HttpExchange>& exchange, const ApiMethod& method,
                     ForwardedCall call) {
  const HttpRequest& request = exchange->request();
  const CallType type = *CallTypeOf(request.Header("content-type"));
  absl::StatusOr<std::string_view> body = request.body;
  if (type.is_stream) body = OnlyMessage(request.body);
  absl::StatusOr<std::string> bytes =
      body.ok() ? RequestBytes(method, type.codec, *body) : absl::StatusOr<std::string>(body.status());
  if (!bytes.ok()) return exchange->Answer(CallError(request, bytes.status()));
  call.request = *std::move(bytes);
  if (type.is_stream) {
    const auto sink = std::make_shared<StreamedAnswer>(exchange, method, type.codec);
    return exchange->WhenGone(forwarder_->Stream(std::move(call), sink));
  }
  const auto done = [exchange, &method, type](const grpc::Status& status, std::string response) {
    if (!status.ok()) return exchange->Answer(ErrorAnswer(status));
    absl::StatusOr<std::string> text = AnswerBody(method, type.codec, std::move(response));
    if (!text.ok()) return exchange->Answer(ErrorAnswer(text.status()));
    HttpAnswer answer;
    answer.headers = {{"Content-Type", std::string(ContentTypeOf(type))}, {"Cache-Control", "no-store"}};
    SetBody(exchange->request(), *std::move(text), answer);
    exchange->Answer(std::move(answer));
  };
  exchange->WhenGone(forwarder_->Unary(std::move(call), done));
}

void Routes::HandleScrape(const std::shared_ptr<HttpExchange>& exchange) {
  absl::StatusOr<std::string> secret = SecretOf(exchange->request());
  if (!secret.ok()) return exchange->Answer(ErrorAnswer(secret.status()));
  const bool added = scrapes_->Add(*std::move(secret), [exchange](absl::StatusOr<std::string> text) {
    if (!text.ok()) return exchange->Answer(ErrorAnswer(text.status()));
    HttpAnswer answer;
    answer.headers = {{"Content-Type", Exposition::kMediaType}, {"Cache-Control", "no-store"}};
    SetBody(exchange->request(), *std::move(text), answer);
    exchange->Answer(std::move(answer));
  });
  if (!added) exchange->Answer(ErrorAnswer(TooManyCalls()));
}

void Routes::HandleSession(const std::shared_ptr<HttpExchange>& exchange) {
  const bool added = questions_->Add([this, exchange](int) {
    AnswerOrFail(*exchange, [&] {
      const HttpRequest& request = exchange->request();
      exchange->Answer(request.method == "POST" ? LogInAnswer(request) : LogOutAnswer(request));
    });
  });
  if (!added) exchange->Answer(ErrorAnswer(TooManyCalls()));
}

HttpAnswer Routes::LogInAnswer(const HttpRequest& request) {
  const absl::StatusOr<Credential> credential = CredentialIn(request.body);
  if (!credential.ok()) return ErrorAnswer(credential.status());
  const absl::Time now = absl::Now();
  const OpenCall call(calls_, "POST /session");
  const absl::StatusOr<Login> login =
      LogIn(database_, *credential, std::string(request.Header("user-agent")), now + kQuestionDeadline);
  call.End(login.ok() ? login->name : "nobody", login.status());
  if (!login.ok()) return ErrorAnswer(login.status());
  HttpAnswer answer;
  answer.headers = {{"Content-Type", "application/json"},
                    {"Cache-Control", "no-store"},
                    {"Set-Cookie", rules_.CookieOf(login->secret, login->expires_at - now)}};
  answer.body = "{}";
  return answer;
}

HttpAnswer Routes::LogOutAnswer(const HttpRequest& request) {
  const absl::Status ended = LogOut(database_, rules_.SessionOf(request), absl::Now() + kQuestionDeadline);
  if (!ended.ok()) return ErrorAnswer(ended);
  HttpAnswer answer;
  answer.headers = {
      {"Content-Type", "application/json"}, {"Cache-Control", "no-store"}, {"Set-Cookie", rules_.NoCookie()}};
  answer.body = "{}";
  return answer;
}

HttpAnswer Routes::PageAnswer(const HttpRequest& request) const {
  const WebFile& file = *pages_.find(request.path)->second;
  HttpAnswer answer;
  const bool compressed = !file.gzip.empty() && AcceptsGzip(request.Header("accept-encoding"));
  const std::string tag =
      absl::StrCat("\"", ToHex(HashOf(file.bytes)).substr(0, 32), compressed ? "-gzip\"" : "\"");
  answer.headers = {{"Content-Type", std::string(file.media_type)},
                    {"Cache-Control", file.immutable ? "public, max-age=31536000, immutable" : "no-cache"},
                    {"ETag", tag},
                    {"Vary", "Accept-Encoding"}};
  if (HoldsTag(request.Header("if-none-match"), tag)) {
    answer.status = 304;
    return answer;
  }
  if (compressed) answer.headers.emplace_back("Content-Encoding", "gzip");
  answer.body = std::string(compressed ? file.gzip : file.bytes);
  return answer;
}

}  // namespace loupe
