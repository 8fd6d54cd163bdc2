#include "server/gateway/http_server.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <set>
#include <thread>
#include <variant>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "content/steady_clock.h"
#include "proto/error_info.h"
#include "server/gateway/http_errors.h"

namespace loupe {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using net::ip::tcp;
using Strand = net::strand<net::io_context::executor_type>;
using ErrorCode = boost::system::error_code;
using std::chrono::seconds;

constexpr int kThreads = 4;
constexpr uint32_t kMaxHeaderBytes = 16 << 10;
constexpr size_t kMaxTarget = 4096;
constexpr size_t kMaxHeaders = 64;
constexpr size_t kReadBytes = 8 << 10;
constexpr size_t kFileBytes = 256 << 10;  // of a file, at a time
constexpr size_t kMaxPipelined = 64 << 10;
constexpr uint64_t kSmallBody = 16 << 10;
constexpr uint64_t kMaxBodies = 64 << 20;  // bytes of bodies that are being read or handled, all together
constexpr seconds kHandshakeTime(10);
// From a connection's begin, or a further request's first byte, to the end of its headers.
constexpr seconds kHeadTime(10);
constexpr seconds kIdleTime(60);  // between two requests
constexpr seconds kBodyTime(15);  // and a second more for each of kBodyBytesPerSecond
constexpr uint64_t kBodyBytesPerSecond = 100 << 10;
constexpr seconds kWriteTime(30);  // of a piece
constexpr seconds kLingerTime(2);
constexpr absl::Duration kLastWords = absl::Seconds(1);  // for answers that are being sent at the end
constexpr absl::Duration kPoll = absl::Milliseconds(10);
constexpr size_t kLingerBytes = 16 << 20;  // of a body that is too large, so that its sender reads why

// Only these may come several times: everything else that does is an attempt to be understood in two ways.
constexpr std::string_view kRepeatable[] = {"accept",        "accept-encoding", "accept-language",
                                            "cache-control", "cookie",          "forwarded",
                                            "via",           "x-forwarded-for"};

HttpAnswer Refusal(int status, absl::StatusCode code, const std::string& message) {
  HttpAnswer answer = ErrorAnswer(Error(code, "BAD_HTTP", message));
  answer.status = status;
  return answer;
}

HttpAnswer BadRequest(const std::string& message) {
  return Refusal(400, absl::StatusCode::kInvalidArgument, message);
}

// The end of a piece of a chunked body.
constexpr char kLineEnd[] = "\r\n";
constexpr char kLastChunk[] = "0\r\n\r\n";

std::string ChunkHead(size_t bytes) { return absl::StrCat(absl::Hex(bytes), kLineEnd); }

std::string HeadOf(int status, const HttpHeaders& headers, const HttpHeaders& always, bool closes) {
  const http::status known = http::int_to_status(static_cast<unsigned>(status));
  const auto reason =
      known == http::status::unknown ? beast::string_view("Error") : http::obsolete_reason(known);
  std::string head = absl::StrCat("HTTP/1.1 ", status, " ", std::string(reason), "\r\n");
  for (const HttpHeaders* some : {&headers, &always}) {
    for (const auto& [name, value] : *some) absl::StrAppend(&head, name, ": ", value, "\r\n");
  }
  absl::StrAppend(&head,
                  "Date: ", absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", absl::Now(), absl::UTCTimeZone()),
                  "\r\n", closes ? "Connection: close\r\n" : "", "\r\n");
  return head;
}

// A value that comes from another thread and is waited for on a strand.
template <typename T>
class Later : public std::enable_shared_from_this<Later<T>> {
 public:
  explicit Later(const Strand& strand)
      : strand_(strand), wake_(strand, net::steady_timer::time_point::max()) {}

  // From any thread.
  void Set(T value) {
    net::post(strand_, [self = this->shared_from_this(), value = std::move(value)]() mutable {
      self->value_ = std::move(value);
      self->wake_.cancel();
    });
  }

  // On the strand.
  net::awaitable<T> Get() {
    ErrorCode ignored;
    while (!value_.has_value()) co_await wake_.async_wait(net::redirect_error(net::use_awaitable, ignored));
    co_return *std::move(value_);
  }

 private:
  Strand strand_;
  net::steady_timer wake_;
  std::optional<T> value_;
};

// The handler's side of a request. What the handler says is kept in order until the connection sends it.
class QueuedExchange final : public HttpExchange, public std::enable_shared_from_this<QueuedExchange> {
 public:
  struct Start {
    int status;
    HttpHeaders headers;
  };
  struct Piece {
    std::string bytes;
    std::function<void(bool)> sent;
  };
  struct Last {
    std::string bytes;
  };
  using Part = std::variant<HttpAnswer, Start, Piece, Last>;

  QueuedExchange(const Strand& strand, HttpRequest request)
      : strand_(strand), wake_(strand, net::steady_timer::time_point::max()), request_(std::move(request)) {}

  const HttpRequest& request() const override { return request_; }
  void Answer(HttpAnswer answer) override { Add(std::move(answer)); }
  void Begin(int status, HttpHeaders headers) override { Add(Start{status, std::move(headers)}); }
  void Send(std::string piece, std::function<void(bool)> sent) override {
    Add(Piece{std::move(piece), std::move(sent)});
  }
  void End(std::string piece) override { Add(Last{std::move(piece)}); }
  void WhenGone(std::function<void()> gone) override {
    net::post(strand_, [self = shared_from_this(), gone = std::move(gone)]() mutable {
      if (self->is_over_) return;
      self->is_gone_ ? gone() : self->when_gone_.push_back(std::move(gone));
    });
  }

  // The next part; nullopt: the client has gone. On the strand, as is what follows.
  net::awaitable<std::optional<Part>> Next() {
    ErrorCode ignored;
    while (parts_.empty() && !is_gone_) {
      co_await wake_.async_wait(net::redirect_error(net::use_awaitable, ignored));
    }
    if (is_gone_) co_return std::nullopt;
    std::optional<Part> part(std::move(parts_.front()));
    parts_.pop_front();
    co_return part;
  }

  // The handler has read it.
  void DropBody() { request_.body = std::string(); }

  void Gone() {
    if (is_gone_ || is_over_) return;
    is_gone_ = true;
    for (const auto& gone : std::exchange(when_gone_, {})) gone();
    for (Part& part : std::exchange(parts_, {})) Drop(part);
    wake_.cancel();
  }

  // The answer is complete.
  void Over() {
    is_over_ = true;
    when_gone_.clear();
  }

 private:
  void Add(Part part) {
    net::post(strand_, [self = shared_from_this(), part = std::move(part)]() mutable {
      if (self->is_gone_ || self->is_over_) {
        self->Drop(part);
        return;
      }
      self->parts_.push_back(std::move(part));
      self->wake_.cancel();
    });
  }

  static void Drop(const Part& part) {
    if (const auto* piece = std::get_if<Piece>(&part)) piece->sent(false);
  }

  Strand strand_;
  net::steady_timer wake_;
  HttpRequest request_;
  std::deque<Part> parts_;
  std::vector<std::function<void()>> when_gone_;
  bool is_gone_ = false;
  bool is_over_ = false;
};

// What all connections share.
struct Shared {
  explicit Shared(HttpHandler& request_handler) : handler(request_handler) {}

  bool HasConnections() {
    absl::MutexLock lock(&mutex);
    return connections > 0;
  }

  // Whether the handler was called: it isn't while the server drains.
  template <typename Ask>
  bool AskHandler(Ask ask) {
    absl::ReaderMutexLock lock(&asking);
    if (draining) return false;
    ask(handler);
    return true;
  }

  HttpHandler& handler;
  absl::Mutex asking;                // held for writing to begin to drain
  std::atomic<uint64_t> bodies = 0;  // bytes
  int max_connections = 0;
  HttpHeaders headers;
  std::atomic<bool> draining = false;
  absl::Mutex mutex;
  // Of the open connections: what closes an idle one.
  std::set<std::function<void()>*> idle_closers ABSL_GUARDED_BY(mutex);
  int connections ABSL_GUARDED_BY(mutex) = 0;
};

// How much of a large body is held, of what all may hold. Small ones are bounded by the connections.
class BodyCount {
 public:
  explicit BodyCount(std::atomic<uint64_t>& all) : all_(all) {}
  ~BodyCount() { all_ -= own_; }
  BodyCount(const BodyCount&) = delete;
  BodyCount& operator=(const BodyCount&) = delete;

  // False: all together are more than may be.
  bool Grow(uint64_t bytes) {
    const uint64_t counted = bytes > kSmallBody ? bytes : 0;
    all_ += counted - own_;
    own_ = counted;
    return counted == 0 || all_ <= kMaxBodies;
  }

 private:
  std::atomic<uint64_t>& all_;
  uint64_t own_ = 0;
};

using Parser = http::request_parser<http::string_body>;

// Whether a request is one, and only one. nullopt: it is.
std::optional<HttpAnswer> ProblemWith(const http::request<http::string_body>& message) {
  if (message.version() != 11 && message.version() != 10)
    return Refusal(505, absl::StatusCode::kUnimplemented, "use HTTP/1.1");
  const auto target = message.target();
  if (target.empty() || target.front() != '/' || target.size() > kMaxTarget) {
    return BadRequest("the target must begin with / and have at most 4096 characters");
  }
  for (const char c : target) {
    if (c <= ' ' || c > '~') return BadRequest("the target holds a character that must be percent-encoded");
  }
  std::set<std::string> names;
  size_t count = 0;
  for (const auto& field : message) {
    if (++count > kMaxHeaders)
      return Refusal(431, absl::StatusCode::kInvalidArgument, "there are too many headers");
    const auto name_view = field.name_string();
    std::string name = absl::AsciiStrToLower(std::string(name_view));
    const bool may_repeat =
        std::find(std::begin(kRepeatable), std::end(kRepeatable), name) != std::end(kRepeatable);
    if (!names.insert(name).second && !may_repeat) {
      return BadRequest(absl::StrCat("the header ", name, " comes twice"));
    }
    for (const char c : field.value()) {
      if (static_cast<unsigned char>(c) < ' ' && c != '\t')
        return BadRequest("a header holds a control character");
    }
  }
  if (names.count("host") == 0) return BadRequest("the header Host is missing");
  if (names.count("transfer-encoding") != 0) {
    if (names.count("content-length") != 0) return BadRequest("the body has two lengths");
    if (!beast::iequals(message[http::field::transfer_encoding], "chunked")) {
      return Refusal(501, absl::StatusCode::kUnimplemented, "of transfer encodings only chunked is taken");
    }
    if (message.version() == 10) return BadRequest("HTTP/1.0 has no chunks");
  }
  if (message[http::field::content_length].find_first_not_of("0123456789") != beast::string_view::npos) {
    return BadRequest("Content-Length must be one number");
  }
  const auto expect = message[http::field::expect];
  if (!expect.empty() && !beast::iequals(expect, "100-continue")) {
    return Refusal(417, absl::StatusCode::kInvalidArgument, "of expectations only 100-continue is met");
  }
  return std::nullopt;
}

HttpRequest RequestOf(const http::request<http::string_body>& message, std::optional<uint64_t> body_bytes) {
  HttpRequest request;
  request.method = std::string(message.method_string());
  const std::string target(message.target());
  const size_t query = target.find('?');
  request.path = target.substr(0, query);
  if (query != std::string::npos) request.query = target.substr(query + 1);
  for (const auto& field : message) {
    std::string& value = request.headers[absl::AsciiStrToLower(std::string(field.name_string()))];
    absl::StrAppend(&value, value.empty() ? "" : ", ", std::string(field.value()));
  }
  request.body_bytes = body_bytes;
  return request;
}

// Of a parser's error before the headers were complete, or in the body.
HttpAnswer AnswerTo(const ErrorCode& error) {
  if (error == http::error::header_limit)
    return Refusal(431, absl::StatusCode::kInvalidArgument, "the headers are too large");
  if (error == http::error::body_limit) {
    return Refusal(413, absl::StatusCode::kResourceExhausted,
                   "the body is too large: a message has at most 4 MiB");
  }
  if (error == net::error::no_buffer_space) {
    return ErrorAnswer(Error(absl::StatusCode::kResourceExhausted, "TOO_MANY_CALLS",
                             "many large requests are under way: try again later"));
  }
  return BadRequest(absl::StrCat("this is no valid HTTP/1.1 request: ", error.message()));
}

template <typename Stream>
class HttpConnection final : public std::enable_shared_from_this<HttpConnection<Stream>> {
 public:
  template <typename... Args>
  HttpConnection(Shared& shared, const Strand& strand, tcp::socket socket, Args&... args)
      : shared_(shared),
        strand_(strand),
        stream_(std::move(socket), args...),
        deadline_(strand),
        changed_(strand, net::steady_timer::time_point::max()) {
    close_idle_ = [this] {
      net::post(strand_, [weak = this->weak_from_this()] {
        const auto self = weak.lock();
        if (self != nullptr && self->is_idle_) self->Close();
      });
    };
    absl::MutexLock lock(&shared_.mutex);
    shared_.idle_closers.insert(&close_idle_);
  }
  ~HttpConnection() {
    absl::MutexLock lock(&shared_.mutex);
    shared_.idle_closers.erase(&close_idle_);
    --shared_.connections;
  }

  net::awaitable<void> Run() {
    const auto self = this->shared_from_this();
    if (!co_await Handshake()) co_return;
    Deadline(kHeadTime);
    while (co_await ServeOne()) {
      if (shared_.draining) break;
      is_idle_ = true;
      Deadline(kIdleTime);
    }
    co_await Linger();
    deadline_.cancel();
  }

 private:
  tcp::socket& socket() {
    if constexpr (std::is_same_v<Stream, tcp::socket>)
      return stream_;
    else
      return stream_.next_layer();
  }

  net::awaitable<bool> Handshake() {
    if constexpr (!std::is_same_v<Stream, tcp::socket>) {
      ErrorCode error;
      Deadline(kHandshakeTime);
      co_await stream_.async_handshake(net::ssl::stream_base::server,
                                       net::redirect_error(net::use_awaitable, error));
      if (error) {
        Close();
        co_return false;
      }
    }
    co_return true;
  }

  // Reads, answers, and returns whether another request may come on this connection.
  net::awaitable<bool> ServeOne() {
    Parser parser;
    parser.header_limit(kMaxHeaderBytes);
    parser.body_limit(HttpServer::kMaxBodyBytes);
    ErrorCode error = co_await ParseHead(parser);
    if (error) {
      co_await Refuse(error);
      co_return false;
    }
    auto& message = parser.get();
    if (const std::optional<HttpAnswer> refusal = ProblemWith(message); refusal.has_value()) {
      co_await Write(*refusal, message.method() == http::verb::head, true);
      co_return false;
    }
    std::optional<uint64_t> body_bytes = uint64_t{0};
    if (parser.chunked()) {
      body_bytes = std::nullopt;
    } else if (const auto length = parser.content_length(); length.has_value()) {
      body_bytes = *length;
    }
    HttpRequest request = RequestOf(message, body_bytes);
    const bool is_head = request.method == "HEAD";
    // HTTP/1.0 keeps a connection only where both say so.
    const bool keeps = message.keep_alive() && message.version() == 11;
    Deadline(kNever);
    const auto admitted = std::make_shared<Later<std::optional<HttpAnswer>>>(strand_);
    const auto admit = [admitted](std::optional<HttpAnswer> refusal) { admitted->Set(std::move(refusal)); };
    if (!shared_.AskHandler([&](HttpHandler& handler) { handler.Admit(request, admit); })) co_return false;
    if (const std::optional<HttpAnswer> refusal = co_await admitted->Get(); refusal.has_value()) {
      // A body that wasn't asked for yet need not come; another one would be taken for the next request.
      const bool closes = body_bytes != uint64_t{0} || !keeps || shared_.draining;
      co_return co_await Write(*refusal, is_head, closes) && !closes;
    }
    BodyCount count(shared_.bodies);
    if (!parser.is_done()) {
      const bool is_asked = !message[http::field::expect].empty();
      if (is_asked && !co_await WriteText("HTTP/1.1 100 Continue\r\n\r\n")) co_return false;
      Deadline(kBodyTime + seconds(body_bytes.value_or(HttpServer::kMaxBodyBytes) / kBodyBytesPerSecond));
      error = co_await ParseBody(parser, count);
      if (error) {
        co_await Refuse(error);
        co_return false;
      }
    }
    request.body = std::move(message.body());
    const bool is_one_zero = message.version() == 10;
    co_return co_await Answer(std::move(request), count, keeps, is_head, is_one_zero);
  }

  net::awaitable<void> Refuse(ErrorCode error) {
    if (error == net::error::eof || is_closed_) co_return;
    const HttpAnswer refusal = AnswerTo(error);
    co_await Write(refusal, false, true);
  }

  // Feeds the parser until the headers are there.
  net::awaitable<ErrorCode> ParseHead(Parser& parser) {
    size_t taken = 0;
    ErrorCode error;
    for (;;) {
      if (!received_.empty()) {
        if (is_idle_) {
          is_idle_ = false;
          Deadline(kHeadTime);
        }
        const size_t used = parser.put(net::buffer(received_), error);
        // A line that goes on in the next one reads differently elsewhere. The parser takes both at once.
        const std::string_view lines = std::string_view(received_).substr(0, used);
        if (lines.find("\n ") != std::string_view::npos || lines.find("\n\t") != std::string_view::npos) {
          co_return ErrorCode(http::error::bad_value);
        }
        taken += used;
        received_.erase(0, used);
        if (error && error != http::error::need_more) co_return error;
        // Its own limit is that of a piece.
        if (taken > kMaxHeaderBytes) co_return ErrorCode(http::error::header_limit);
        if (parser.is_header_done()) co_return ErrorCode();
      }
      if (!co_await ReadMore()) co_return ErrorCode(net::error::eof);
    }
  }

  // Feeds the parser until the body is there.
  net::awaitable<ErrorCode> ParseBody(Parser& parser, BodyCount& count) {
    parser.eager(true);
    ErrorCode error;
    while (!parser.is_done()) {
      if (!received_.empty()) {
        const size_t used = parser.put(net::buffer(received_), error);
        received_.erase(0, used);
        if (error && error != http::error::need_more) co_return error;
        if (!count.Grow(parser.get().body().size())) co_return ErrorCode(net::error::no_buffer_space);
        if (parser.is_done()) break;
        if (used > 0 && !error) continue;
      }
      if (!co_await ReadMore()) co_return ErrorCode(net::error::eof);
    }
    co_return ErrorCode();
  }

  // False: nothing more will come.
  net::awaitable<bool> ReadMore() {
    const size_t before = received_.size();
    ErrorCode ignored;
    StartRead();
    while (is_reading_) co_await changed_.async_wait(net::redirect_error(net::use_awaitable, ignored));
    co_return received_.size() > before && !is_closed_;
  }

  // Also while a request is answered, to notice when the client goes away.
  void StartRead() {
    if (is_reading_ || is_closed_ || has_ended_) return;
    // Who sends so much behind a request that is being answered would not be missed when it goes.
    if (received_.size() > kMaxPipelined) return Close();
    is_reading_ = true;
    stream_.async_read_some(
        net::buffer(incoming_),
        net::bind_executor(strand_, [self = this->shared_from_this()](ErrorCode error, size_t bytes) {
          self->is_reading_ = false;
          self->received_.append(self->incoming_.data(), bytes);
          if (error) {
            self->has_ended_ = true;
            if (self->exchange_ != nullptr) self->exchange_->Gone();
          } else if (self->exchange_ != nullptr) {
            self->StartRead();  // what came is the next request
          }
          self->changed_.cancel();
        }));
  }

  net::awaitable<bool> Answer(HttpRequest request, BodyCount& count, bool keeps, bool is_head,
                              bool is_one_zero) {
    exchange_ = std::make_shared<QueuedExchange>(strand_, std::move(request));
    const auto exchange = exchange_;
    Deadline(kNever);
    StartRead();
    if (has_ended_) exchange->Gone();
    bool sent = shared_.AskHandler([&](HttpHandler& handler) { handler.Handle(exchange); });
    if (sent) sent = co_await SendParts(*exchange, count, keeps, is_head, is_one_zero);
    if (!sent) exchange->Gone();
    exchange->Over();
    exchange_ = nullptr;
    co_return sent&& keeps && !has_ended_ && !shared_.draining;
  }

  net::awaitable<bool> SendParts(QueuedExchange& exchange, BodyCount& count, bool keeps, bool is_head,
                                 bool is_one_zero) {
    for (;;) {
      std::optional<QueuedExchange::Part> part = co_await exchange.Next();
      if (!part.has_value()) co_return false;
      const bool closes = !keeps || shared_.draining;
      if (auto* answer = std::get_if<HttpAnswer>(&*part)) co_return co_await Write(*answer, is_head, closes);
      if (auto* start = std::get_if<QueuedExchange::Start>(&*part)) {
        if (is_one_zero) {
          const HttpAnswer refusal =
              Refusal(505, absl::StatusCode::kUnimplemented, "a stream needs HTTP/1.1");
          co_await Write(refusal, false, true);
          co_return false;  // nobody reads the rest
        }
        // A stream may last for hours.
        exchange.DropBody();
        count.Grow(0);
        start->headers.emplace_back("Transfer-Encoding", "chunked");
        const std::string head = HeadOf(start->status, start->headers, shared_.headers, closes);
        if (!co_await WriteText(head)) co_return false;
      } else if (auto* piece = std::get_if<QueuedExchange::Piece>(&*part)) {
        const std::string chunk = absl::StrCat(ChunkHead(piece->bytes.size()), piece->bytes, kLineEnd);
        const bool sent = co_await WriteText(chunk);
        piece->sent(sent);
        if (!sent) co_return false;
      } else {
        const std::string& bytes = std::get<QueuedExchange::Last>(*part).bytes;
        const std::string end = absl::StrCat(ChunkHead(bytes.size()), bytes, kLineEnd, kLastChunk);
        co_return co_await WriteText(end);
      }
    }
  }

  net::awaitable<bool> Write(const HttpAnswer& answer, bool is_head, bool closes) {
    HttpHeaders headers = answer.headers;
    const uint64_t size = answer.file != nullptr ? answer.file->size_bytes : answer.body.size();
    if (answer.status != 304 && answer.status != 204)
      headers.emplace_back("Content-Length", absl::StrCat(size));
    std::string text = HeadOf(answer.status, headers, shared_.headers, closes);
    if (!is_head && answer.file == nullptr) text += answer.body;
    if (!co_await WriteText(text)) co_return false;
    if (is_head || answer.file == nullptr) co_return true;
    co_return co_await WriteFile(*answer.file);
  }

  net::awaitable<bool> WriteFile(const FileSlice& slice) {
    const auto bytes = std::make_unique<char[]>(kFileBytes);
    for (uint64_t at = 0; at < slice.size_bytes;) {
      const size_t want = std::min<uint64_t>(kFileBytes, slice.size_bytes - at);
      const ssize_t got = pread(slice.file.get(), bytes.get(), want, static_cast<off_t>(slice.begin + at));
      const std::string_view piece(bytes.get(), static_cast<size_t>(std::max<ssize_t>(got, 0)));
      if (piece.empty() || !co_await WriteText(piece)) {
        Close();  // so that the client sees that something is missing
        co_return false;
      }
      at += piece.size();
    }
    co_return true;
  }

  net::awaitable<bool> WriteText(std::string_view text) {
    ErrorCode error;
    Deadline(kWriteTime);
    const net::const_buffer bytes(text.data(), text.size());
    co_await net::async_write(stream_, bytes, net::redirect_error(net::use_awaitable, error));
    Deadline(kNever);
    co_return !error && !is_closed_;
  }

  // Says that nothing more comes, and takes what the client still sends: closing a connection with unread
  // bytes resets it, and the client may lose the answer.
  net::awaitable<void> Linger() {
    ErrorCode ignored;
    if (is_closed_) co_return;
    Deadline(kLingerTime);
    if constexpr (!std::is_same_v<Stream, tcp::socket>) {
      if (!is_reading_) co_await stream_.async_shutdown(net::redirect_error(net::use_awaitable, ignored));
    }
    socket().shutdown(tcp::socket::shutdown_send, ignored);
    for (size_t taken = 0; taken < kLingerBytes && !has_ended_ && !is_closed_;) {
      taken += received_.size();
      received_.clear();
      if (!co_await ReadMore()) break;
    }
    Close();
  }

  // One for whatever the connection waits for now; each call replaces the one before.
  void Deadline(seconds time) {
    const uint64_t number = ++deadline_number_;
    if (time == kNever) {
      deadline_.cancel();
      return;
    }
    deadline_.expires_after(time);
    deadline_.async_wait([weak = this->weak_from_this(), number](ErrorCode error) {
      const auto self = weak.lock();
      // A wait that is cancelled too late ends without an error.
      if (!error && self != nullptr && self->deadline_number_ == number) self->Close();
    });
  }

  void Close() {
    if (is_closed_) return;
    is_closed_ = true;
    ErrorCode ignored;
    socket().close(ignored);
    if (exchange_ != nullptr) exchange_->Gone();
    changed_.cancel();
  }

  static constexpr seconds kNever = seconds::max();

  Shared& shared_;
  const Strand strand_;
  Stream stream_;
  net::steady_timer deadline_;
  uint64_t deadline_number_ = 0;
  net::steady_timer changed_;  // never runs out: cancelled when is_reading_ changes
  std::string received_;       // and not yet read by a parser
  std::array<char, kReadBytes> incoming_;
  std::shared_ptr<QueuedExchange> exchange_;
  std::function<void()> close_idle_;
  bool is_idle_ = false;
  bool is_reading_ = false;
  bool has_ended_ = false;  // the client sends nothing more
  bool is_closed_ = false;
};

void KeepAlive(int connection) {
  const int on = 1;
  const int idle_s = 60;
  const int interval_s = 20;
  const int count = 3;
  setsockopt(connection, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  setsockopt(connection, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
  setsockopt(connection, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
  setsockopt(connection, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

}  // namespace

struct HttpServer::Parts {
  explicit Parts(HttpHandler& handler) : shared(handler), work(net::make_work_guard(io)) {}

  Shared shared;
  net::ssl::context tls{net::ssl::context::tls_server};
  bool uses_tls = false;
  net::io_context io;
  net::executor_work_guard<net::io_context::executor_type> work;
  std::vector<std::thread> threads;
};

HttpServer::HttpServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {
  for (int i = 0; i < kThreads; ++i) parts_->threads.emplace_back([this] { parts_->io.run(); });
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const HttpServerOptions& options,
                                                              HttpHandler& handler) {
  auto parts = std::make_unique<Parts>(handler);
  parts->shared.max_connections = options.max_connections;
  parts->shared.headers = options.headers;
  parts->uses_tls = !options.tls_certificate.empty();
  if (parts->uses_tls) {
    ErrorCode error;
    parts->tls.set_options(net::ssl::context::default_workarounds | net::ssl::context::no_tlsv1 |
                           net::ssl::context::no_tlsv1_1);
    parts->tls.use_certificate_chain(net::buffer(options.tls_certificate), error);
    if (!error) parts->tls.use_private_key(net::buffer(options.tls_key), net::ssl::context::pem, error);
    if (error) {
      return absl::FailedPreconditionError(
          absl::StrCat("the certificate or its key can't be used: ", error.message()));
    }
  }
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(parts)));
}

HttpServer::~HttpServer() {
  Drain();
  for (const Stopwatch waited; parts_->shared.HasConnections() && waited.Elapsed() < kLastWords;) {
    absl::SleepFor(kPoll);
  }
  parts_->io.stop();
  for (std::thread& thread : parts_->threads) thread.join();
}

void HttpServer::Take(int connection) {
  Parts& parts = *parts_;
  {
    absl::MutexLock lock(&parts.shared.mutex);
    if (parts.shared.connections >= parts.shared.max_connections || parts.shared.draining) {
      close(connection);
      return;
    }
    ++parts.shared.connections;
  }
  KeepAlive(connection);
  const Strand strand = net::make_strand(parts.io);
  sockaddr_storage address{};
  socklen_t size = sizeof(address);
  getsockname(connection, reinterpret_cast<sockaddr*>(&address), &size);
  tcp::socket socket(strand);
  ErrorCode error;
  socket.assign(address.ss_family == AF_INET6 ? tcp::v6() : tcp::v4(), connection, error);
  const auto run = [&](auto made) {
    net::co_spawn(
        strand, [made]() -> net::awaitable<void> { co_await made->Run(); }, net::detached);
  };
  if (parts.uses_tls) {
    run(std::make_shared<HttpConnection<net::ssl::stream<tcp::socket>>>(parts.shared, strand,
                                                                        std::move(socket), parts.tls));
  } else {
    run(std::make_shared<HttpConnection<tcp::socket>>(parts.shared, strand, std::move(socket)));
  }
}

int HttpServer::connections() {
  absl::MutexLock lock(&parts_->shared.mutex);
  return parts_->shared.connections;
}

void HttpServer::Drain() {
  {
    absl::MutexLock lock(&parts_->shared.asking);
    parts_->shared.draining = true;
  }
  absl::MutexLock lock(&parts_->shared.mutex);
  for (const auto* close_idle : parts_->shared.idle_closers) (*close_idle)();
}

}  // namespace loupe
