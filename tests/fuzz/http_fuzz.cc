// Any bytes on a connection of the gateway's HTTP server: what reaches a handler is a whole, sound request,
// and the connection ends soon after the client has said all.

#include <poll.h>
#include <sys/socket.h>

#include <atomic>

#include "absl/strings/match.h"
#include "content/file_handle.h"
#include "server/gateway/http_server.h"
#include "tests/fuzz/fuzz.h"

namespace loupe {
namespace {

void CheckHead(const HttpRequest& request) {
  fuzz::Require(!request.path.empty() && request.path.front() == '/', "a path begins with /");
  fuzz::Require(!request.Header("host").empty() || request.headers.count("host") != 0,
                "a request names a host");
  for (const std::string* text : {&request.path, &request.query}) {
    for (const char c : *text) fuzz::Require(c > ' ' && c <= '~', "a target is of printable characters");
  }
  const bool has_both =
      request.headers.count("content-length") != 0 && request.headers.count("transfer-encoding") != 0;
  fuzz::Require(!has_both, "a body has one length");
  for (const auto& [name, value] : request.headers) {
    fuzz::Require(value.find_first_of("\r\n\0", 0, 3) == std::string::npos, "a header has one line");
  }
}

// Answers every request with its body, as a whole or in pieces.
class Echo final : public HttpHandler {
 public:
  void Admit(const HttpRequest& head, std::function<void(std::optional<HttpAnswer>)> admitted) override {
    CheckHead(head);
    if (absl::StartsWith(head.path, "/refuse")) {
      HttpAnswer refusal;
      refusal.status = 404;
      return admitted(std::move(refusal));
    }
    admitted(std::nullopt);
  }

  void Handle(std::shared_ptr<HttpExchange> exchange) override {
    const HttpRequest& request = exchange->request();
    CheckHead(request);
    fuzz::Require(request.body.size() <= HttpServer::kMaxBodyBytes, "a body is bounded");
    fuzz::Require(request.body_bytes.value_or(request.body.size()) == request.body.size(),
                  "a body is as long as it says");
    if (!absl::StartsWith(request.path, "/pieces")) {
      HttpAnswer answer;
      answer.body = request.body;
      return exchange->Answer(std::move(answer));
    }
    exchange->Begin(200, {});
    exchange->Send("piece", [exchange](bool) { exchange->End("last"); });
  }
};

// Less than the server's shortest deadline, which would hide that a connection hangs.
constexpr int kPatienceMs = 8000;

HttpServer& FuzzedServer() {
  static Echo& echo = *new Echo();
  HttpServerOptions options;
  options.max_connections = 100;
  static HttpServer& server = *HttpServer::Start(options, echo)->release();
  return server;
}

}  // namespace
}  // namespace loupe

FUZZ_TARGET(http) {
  using namespace loupe;
  int ends[2];
  fuzz::Require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0, "there are sockets");
  const FileHandle client(ends[0]);
  FuzzedServer().Take(ends[1]);
  // The server may be done before all is sent.
  if (send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) >= 0) shutdown(client.get(), SHUT_WR);
  std::string answers;
  char buffer[4096];
  for (;;) {
    pollfd watched = {client.get(), POLLIN, 0};
    // libFuzzer's alarm interrupts it.
    fuzz::Require(TEMP_FAILURE_RETRY(poll(&watched, 1, kPatienceMs)) == 1,
                  "a connection ends when its client has said all");
    const ssize_t got = recv(client.get(), buffer, sizeof(buffer), 0);
    if (got <= 0) break;
    answers.append(buffer, static_cast<size_t>(got));
  }
  fuzz::Require(answers.empty() || absl::StartsWith(answers, "HTTP/1.1 "), "what is sent is an answer");
}
