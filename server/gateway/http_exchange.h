// An HTTP request and the way to answer it, without the server's library.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "content/file_handle.h"

namespace loupe {

struct HttpRequest {
  std::string method;
  std::string path;   // as it came: nothing is decoded
  std::string query;  // behind `?`
  // Names in lower case. Of headers that come several times the values are joined by commas.
  std::map<std::string, std::string, std::less<>> headers;
  std::optional<uint64_t> body_bytes;  // that are announced; nullopt: in chunks, not known
  std::string body;

  // Empty: the header is not there.
  std::string_view Header(std::string_view name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string_view() : std::string_view(found->second);
  }
};

// A part of a file, sent as it is read.
struct FileSlice {
  FileHandle file;
  uint64_t begin = 0;
  uint64_t size_bytes = 0;
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpAnswer {
  int status = 200;
  HttpHeaders headers;  // Content-Length and those of every answer are added
  std::string body;
  std::shared_ptr<const FileSlice> file = nullptr;  // in the body's place
};

// Answers one request. Thread-safe. Either Answer is called once, or Begin, then Send for each piece, then
// End. A piece is not empty. What comes after the connection broke is dropped.
class HttpExchange {
 public:
  virtual ~HttpExchange() = default;

  // Its body is dropped once an answer in pieces begins.
  virtual const HttpRequest& request() const = 0;

  virtual void Answer(HttpAnswer answer) = 0;

  virtual void Begin(int status, HttpHeaders headers) = 0;
  // `sent` is called once: with true when the next piece may come, with false when nobody reads any more.
  virtual void Send(std::string piece, std::function<void(bool)> sent) = 0;
  virtual void End(std::string piece) = 0;

  // Called once when the client goes away before the answer is complete; at once if it has gone.
  virtual void WhenGone(std::function<void()> gone) = 0;
};

// What the server asks about its requests. Called from any of its threads; it must not block.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;

  // Before the body is read: the answer that refuses the request, or nullopt. `admitted` is called once.
  virtual void Admit(const HttpRequest& head, std::function<void(std::optional<HttpAnswer>)> admitted) = 0;

  virtual void Handle(std::shared_ptr<HttpExchange> exchange) = 0;
};

}  // namespace loupe
